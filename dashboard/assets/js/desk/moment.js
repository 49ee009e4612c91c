/** The time of an event as an officer types it: 1420, 14:20, -15 (minutes ago), 8-21 14:20, 2026-8-21 14:20; pure. */

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/**
 * The moment that `text` means, epoch milliseconds; null when it means none. A clock time that is still to come today means yesterday, a day that is
 * still to come this year means last year: what is recorded has happened.
 *
 * @param {string} text
 * @param {number} now the server's clock, epoch milliseconds
 * @param {string} timezone IANA name
 * @returns {number | null}
 */
export function parseMoment(text, now, timezone) {
  const plain = text.normalize("NFKC").trim();
  const ago = /^-\s*(\d{1,4})$/.exec(plain);
  if (ago) return now - Number(ago[1]) * MINUTE_MS;
  const parts = /^(?:(?:(\d{4})[-/.年])?(\d{1,2})[-/.月](\d{1,2})日?\s+)?(\d{1,2})(?::|时|(?=\d{2}$))(\d{2})分?$/.exec(plain);
  if (!parts) return null;
  const [, year, month, day, hours, minutes] = parts.map((part) => (part === undefined ? null : Number(part)));
  if (hours == null || minutes == null || hours > 23 || minutes > 59) return null;
  const today = wallClock(now, timezone);
  if (month == null || day == null) {
    const found = instant(today.year, today.month, today.day, hours, minutes, timezone);
    if (found <= now) return found;
    const yesterday = wallClock(now - DAY_MS, timezone);
    return instant(yesterday.year, yesterday.month, yesterday.day, hours, minutes, timezone);
  }
  if (!isDay(year ?? today.year, month, day)) return null;
  const found = instant(year ?? today.year, month, day, hours, minutes, timezone);
  if (found <= now) return found;
  return year == null && isDay(today.year - 1, month, day) ? instant(today.year - 1, month, day, hours, minutes, timezone) : null;
}

/**
 * A moment as `parseMoment` reads it back, to the minute.
 *
 * @param {number} at epoch milliseconds
 * @param {string} timezone
 */
export function typedMoment(at, timezone) {
  const { year, month, day, hour, minute } = wallClock(at, timezone);
  return `${year}-${month}-${day} ${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`;
}

/**
 * @param {number} year
 * @param {number} month
 * @param {number} day
 */
function isDay(year, month, day) {
  const made = new Date(Date.UTC(year, month - 1, day));
  return made.getUTCMonth() === month - 1 && made.getUTCDate() === day;
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

/**
 * @param {number} year
 * @param {number} month
 * @param {number} day
 * @param {number} hours
 * @param {number} minutes
 * @param {string} timezone
 */
function instant(year, month, day, hours, minutes, timezone) {
  const wanted = Date.UTC(year, month - 1, day, hours, minutes);
  let at = wanted;
  // Twice: the first guess may lie on the other side of a change of summer time.
  for (let round = 0; round < 2; round += 1) {
    const seen = wallClock(at, timezone);
    at += wanted - Date.UTC(seen.year, seen.month - 1, seen.day, seen.hour, seen.minute);
  }
  return at;
}
