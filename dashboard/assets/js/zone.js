/**
 * Times in the township's zone, whatever the browser's own: shown, and read as people type them (1420, 14:20, -15, +60, 明天 8:00, 8-21 14:20,
 * 2026-8-21 14:20); pure.
 */

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const HALF_YEAR_MS = 183 * DAY_MS;
const DAYS = new Map([["前天", -2], ["昨天", -1], ["今天", 0], ["明天", 1], ["后天", 2], ["yesterday", -1], ["today", 0], ["tomorrow", 1]]);

/** Shows moments (epoch milliseconds) in one language and one time zone. */
export class ZoneTimes {
  #formats;

  /**
   * @param {"zh" | "en"} lang
   * @param {string} timezone IANA name
   */
  constructor(lang, timezone) {
    this.timezone = timezone;
    const locale = lang === "zh" ? "zh-CN" : "en-GB";
    const month = lang === "zh" ? "long" : "short";
    const format = (/** @type {Intl.DateTimeFormatOptions} */ options) => new Intl.DateTimeFormat(locale, { timeZone: timezone, hourCycle: "h23", ...options });
    const minute = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit" });
    this.#formats = {
      time: format({ ...minute, second: "2-digit" }),
      minute: format(minute),
      day: format({ month, day: "numeric", weekday: "short" }),
      short: format({ month: "numeric", day: "numeric", ...minute }),
      stamp: format({ month, day: "numeric", ...minute }),
      full: format({ year: "numeric", month, day: "numeric", ...minute }),
    };
  }

  /** Hour, minute and second. @param {number} at */
  time(at) {
    return this.#formats.time.format(at);
  }

  /** Hour and minute. @param {number} at */
  minute(at) {
    return this.#formats.minute.format(at);
  }

  /** Month, day and weekday. @param {number} at */
  day(at) {
    return this.#formats.day.format(at);
  }

  /** Day, hour and minute; with the year when it lies more than half a year from `now`. @param {number} at @param {number} [now] */
  stamp(at, now = at) {
    return this.#formats[Math.abs(now - at) > HALF_YEAR_MS ? "full" : "stamp"].format(at);
  }

  /**
   * The hour and minute, with the day when it is not within the last or next half day.
   *
   * @param {number} at
   * @param {number} now
   */
  moment(at, now) {
    return Math.abs(now - at) < DAY_MS / 2 ? this.minute(at) : this.#formats.short.format(at);
  }
}

/**
 * @typedef {{apart: number}} Apart minutes from now
 * @typedef {{hours: number, minutes: number, offset?: number, year?: number, month?: number, day?: number}} Clock offset: days from today
 */

/**
 * The moment of an event that `text` means; null when it means none. A clock time that is still to come today means yesterday, a day that is
 * still to come this year means last year: what is recorded has happened.
 *
 * @param {string} text
 * @param {number} now the server's clock, epoch milliseconds
 * @param {string} timezone IANA name
 * @returns {number | null}
 */
export function parsePast(text, now, timezone) {
  const asked = read(text);
  if (asked === null) return null;
  if ("apart" in asked) return asked.apart <= 0 ? now + asked.apart * MINUTE_MS : null;
  const found = instant(asked, now, timezone);
  if (found === null || found <= now) return found;
  if (asked.offset !== undefined || asked.year !== undefined) return null;
  if (asked.month === undefined) return instant({ ...asked, offset: -1 }, now, timezone);
  return instant({ ...asked, year: wallClock(now, timezone).year - 1 }, now, timezone);
}

/**
 * The deadline that `text` means; null when it means none that is still to come. A clock time that has passed today means tomorrow. A day that has
 * passed means next year only when it is more than half a year ago: otherwise it is a slip, which must be seen.
 *
 * @param {string} text
 * @param {number} now the server's clock, epoch milliseconds
 * @param {string} timezone IANA name
 * @returns {number | null}
 */
export function parseDeadline(text, now, timezone) {
  const asked = read(text);
  if (asked === null) return null;
  if ("apart" in asked) return asked.apart > 0 ? now + asked.apart * MINUTE_MS : null;
  const found = instant(asked, now, timezone);
  if (found === null || found > now) return found;
  if (asked.offset !== undefined || asked.year !== undefined) return null;
  if (asked.month === undefined) return instant({ ...asked, offset: 1 }, now, timezone);
  return now - found > HALF_YEAR_MS ? instant({ ...asked, year: wallClock(now, timezone).year + 1 }, now, timezone) : null;
}

/**
 * A moment as it is typed and read back, to the minute.
 *
 * @param {number} at epoch milliseconds
 * @param {string} timezone
 */
export function typedMoment(at, timezone) {
  const { year, month, day, hour, minute } = wallClock(at, timezone);
  return `${year}-${month}-${day} ${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`;
}

/**
 * What was typed, before it is a moment.
 *
 * @param {string} text
 * @returns {Apart | Clock | null}
 */
function read(text) {
  const plain = text.normalize("NFKC").replace("\u2212", "-").trim().toLowerCase();
  const apart = /^([+-])\s*(\d{1,4})$/.exec(plain);
  if (apart) return { apart: Number(`${apart[1]}${apart[2]}`) };
  const parts = /^(?:(?:(\d{4})[-/.年])?(\d{1,2})[-/.月](\d{1,2})日?\s+|(\D+?)\s*)?(\d{1,2})(?::|时|(?=\d{2}$))(\d{2})分?$/.exec(plain);
  if (!parts) return null;
  const [year, month, day] = parts.slice(1, 4).map((part) => (part === undefined ? undefined : Number(part)));
  const offset = parts[4] === undefined ? undefined : DAYS.get(parts[4]);
  const [hours, minutes] = [Number(parts[5]), Number(parts[6])];
  if (hours > 23 || minutes > 59 || (parts[4] !== undefined && offset === undefined)) return null;
  return { hours, minutes, ...(offset === undefined ? {} : { offset }), ...(year === undefined ? {} : { year }), ...(month === undefined ? {} : { month }), ...(day === undefined ? {} : { day }) };
}

/**
 * The instant of a clock time on its day in the zone; without a day, today; null for a day that the calendar does not have.
 *
 * @param {Clock} asked
 * @param {number} now
 * @param {string} timezone
 * @returns {number | null}
 */
function instant({ hours, minutes, offset = 0, year, month, day }, now, timezone) {
  const today = wallClock(now, timezone);
  // On the calendar, not 24 hours away: a day of summer time has 23 or 25.
  const date = month === undefined || day === undefined ? new Date(Date.UTC(today.year, today.month - 1, today.day + offset)) : new Date(Date.UTC(year ?? today.year, month - 1, day));
  if (month !== undefined && (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day)) return null;
  const wanted = date.getTime() + (hours * 60 + minutes) * MINUTE_MS;
  let at = wanted;
  // Twice: the first guess may lie on the other side of a change of summer time.
  for (let round = 0; round < 2; round += 1) {
    const seen = wallClock(at, timezone);
    at += wanted - Date.UTC(seen.year, seen.month - 1, seen.day, seen.hour, seen.minute, seen.second);
  }
  return at;
}

/**
 * @param {number} at
 * @param {string} timezone
 */
function wallClock(at, timezone) {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: timezone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
  });
  /** @type {Record<string, number>} */
  const parts = Object.fromEntries(format.formatToParts(at).map((part) => [part.type, Number(part.value)]));
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts;
  return { year, month, day, hour, minute, second };
}
