/** A list of devices to choose from: in the check before joining, and in the room. */

import { t } from "./text.js";

/**
 * Fill the list with what there is and mark what is in use.
 * @param {HTMLSelectElement} select
 * @param {MediaDeviceInfo[]} known
 * @param {string | null} used device id; null for none
 * @param {boolean} mayBeNone
 */
export function fill(select, known, used, mayBeNone) {
  const options = known.map((device, index) => new Option(device.label || t("room.prejoin.device", { n: index + 1 }), device.deviceId));
  if (mayBeNone) options.push(new Option(t("room.prejoin.none"), "none"));
  else if (options.length === 0) options.push(new Option(t("room.prejoin.system"), ""));
  select.replaceChildren(...options);
  select.value = used ?? "none";
  if (select.selectedIndex < 0) select.selectedIndex = 0;
}

/** The chosen id; null for none. @param {HTMLSelectElement} select @returns {string | null} */
export function chosen(select) {
  return select.value === "none" ? null : select.value;
}

/** The id of the device behind a track. @param {MediaStreamTrack | null} track */
export function idOf(track) {
  return track === null ? null : (track.getSettings().deviceId ?? "");
}
