// In the place of the Socket.IO client: a feed that tells `window.__world`, and ticks until `window.__silent`.
export function io() {
  const heard = {};
  const say = (event, ...rest) => (heard[event] ?? []).forEach((handler) => handler(...rest));
  const now = () => window.__world.now + window.__elapsed();
  const readings = () => Object.fromEntries(Object.values(window.__world.topics.readings).filter(({ at }) => window.__world.now - at < 60000)
    .map(({ id, value }) => [id, [[Math.round(now()), value, 0]]]));
  let ticking = false;
  return {
    connected: false,
    on(event, handler) { (heard[event] ??= []).push(handler); },
    timeout() {
      return { emit: (event, payload, answer) => setTimeout(() => answer(null, { now: now(), cursor: 1, missed: [], snapshot: structuredClone(window.__world.topics) }), 0) };
    },
    connect() {
      if (this.connected) return;
      this.connected = true;
      setTimeout(() => say("connect"), 0);
      if (ticking) return;
      ticking = true;
      setInterval(() => window.__silent || say("tick", { now: now(), readings: readings(), system: window.__world.topics.system }), 250);
    },
    disconnect() { this.connected = false; },
  };
}
