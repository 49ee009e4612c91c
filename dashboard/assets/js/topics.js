/**
 * The shapes of what the live feed carries (docs/feed-protocol.md); types only.
 *
 * @typedef {{zh: string, en: string}} Words
 * @typedef {{id: string, code: string, name: Words, kind: string, lat: number | null, lon: number | null}} Site
 * @typedef {{kind: "alert" | "guarantee" | "limit" | "design" | "check", value: number, name: Words}} Mark
 * @typedef {[number, number]} Point epoch milliseconds, value
 * @typedef {{id: string, name: Words, kind: string, site: string, lat: number | null, lon: number | null}} Station
 * @typedef {{id: string, station: Station, quantity: string, name: Words, unit: string, decimals: number, normal: [number | null, number | null] | null,
 *   marks: Mark[], period_s: number, source: Words, at: number | null, value: number | null, quality: number | null, recent: Point[]}} Sensor
 * @typedef {{id: string, number: string, title: string, class: string, level: number, status: "open" | "closed", site: string | null, place: string,
 *   lat: number | null, lon: number | null, deaths: number | null, injuries: number | null,
 *   loss: number | null, at: number, opened_at: number, by: string}} Incident
 * @typedef {{id: string, type: "stock" | "team" | "shelter", name: Words, site: string, have: number, need: number, unit: string, lat?: number | null,
 *   lon?: number | null, contact?: string, changed_at: number, version: number}} Resource
 * @typedef {{name: string, phone: string}} Officer
 * @typedef {{id: string, starts: number, ends: number, leader: Officer | null, officer: Officer | null, changed_at: number}} Shift
 * @typedef {{shift: Shift | null, next: Shift | null}} Duty
 * @typedef {{participant: string, name: string, site: string | null, role: string, connected: boolean, since: number}} Presence
 * @typedef {{site: string, name: Words, state: "present" | "missing", since: number, why: string | null}} RollCall
 * @typedef {{id: string, title: string, incident: string | null, open: boolean, since: number, expected: string[], present: Presence[],
 *   rollcall: RollCall[]}} Room
 * @typedef {{id: string, incident: string | null, site: string | null, origin: string, text: string, who: string, due: number | null,
 *   status: "ordered" | "acknowledged" | "done" | "withdrawn", feedback: string, ordered_at: number, ordered_by: string, changed_at: number, changed_by: string, version: number}} Task
 * @typedef {{state: string, since?: number, reason?: string, lag_s?: number}} Part
 * @typedef {{mode: "peace" | "exercise" | "emergency" | "war" | null, exercise: string | null, township: Words, database: string, worker: Part, media: Part, ingest: Part,
 *   county?: Part}} System
 * @typedef {{id: number, at: number, kind: string, topic: string, subject: string, site: string | null, actor: string, summary: Words, detail?: any, state: any}} JournalEvent
 * @typedef {{sites: Record<string, Site>, readings: Record<string, Sensor>, incidents: Record<string, Incident>, resources: Record<string, Resource>,
 *   duty: Duty, rooms: Record<string, Room>, tasks: Record<string, Task>, journal: JournalEvent[], system: System | null}} Topics
 * @typedef {keyof Topics} TopicName
 * @typedef {{now: number, readings: Record<string, [number, number, number][]>, system: System}} Tick
 */
export {};
