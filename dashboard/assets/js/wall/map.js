/** The map: ground, villages, sensors by what they mean, teams and incidents, as one SVG. */

import { h, put, s } from "../dom.js";
import { fit, overlap, placeLabels, textWidth } from "./projection.js";
import { LATIN } from "../words.js";
import { isAlarm } from "./risk.js";
import { Panel } from "./tile.js";

/**
 * @typedef {import("./context.js").Moment} Moment
 * @typedef {import("./sensors.js").Sensed} Sensed
 * @typedef {{type: string, coordinates?: any, geometries?: Geometry[]}} Geometry
 * @typedef {{type: "Feature", geometry: Geometry | null, properties: Record<string, any> | null}} Feature
 * @typedef {{key: string, lon: number, lat: number, text: string, kind: string, level: number, order: number, rank: number,
 *   sign?: string | null, roman?: string, lost?: boolean}} Marker level: of an incident; order: the worst first; rank: what lies on top
 */

const RETRY_MS = 10_000;
/** A title of an incident is shortened to the first of these, in units of its size, and to the next where there is no room; a name is whole or not there. */
const LABEL_WIDTHS = [12, 8, 5];
/** Kinds of ground that have a style of their own; any other is drawn as a plain line. */
const GROUND = new Set(["township", "boundary", "village", "river", "reservoir", "road", "hazard"]);
/** Where more stations than this are silent, they are not named. */
const SILENT_NAMED = 6;
/** Behind everything that is wrong. */
const NORMAL = 9;
/** Symbols drawn last lie on top. */
const RANK = { site: 0, village: 0.5, sensor: 1, team: 2, shelter: 2, incident: 4 };

export class MapPanel {
  /** @type {Feature[]} */
  #ground = [];
  #loaded = false;
  #askedAt = -Infinity;
  #drawn = "";
  /** @type {((lon: number, lat: number) => [number, number]) | null} */
  #project = null;
  #groundKey = "";

  /**
   * @param {HTMLElement} box
   * @param {import("../words.js").Words} words
   * @param {{tile: string, url: string}} options
   */
  constructor(box, words, options) {
    this.options = options;
    this.panel = new Panel(options.tile, words.t("map.title"), ".panel-map");
    this.svg = s("svg", { class: "map", role: "img", "aria-label": words.t("map.title") });
    this.groundLayer = s("g");
    this.labelLayer = s("g");
    this.svg.append(this.groundLayer, this.labelLayer);
    const legend = h("ul.legend");
    for (const kind of ["river", "rain", "ground", "team", "shelter", "lost"]) {
      const symbol = s("svg", { viewBox: "-10 -10 20 20", class: "legend-symbol" }, shapeOf(kind === "ground" ? "slope" : kind, kind === "lost"));
      legend.append(h("li", {}, symbol, words.t(`map.${kind}`)));
    }
    this.synthetic = h("p.synthetic", {}, words.t("map.synthetic"));
    this.panel.body.append(this.svg, this.synthetic, legend);
    box.append(this.panel.node);
  }

  /** @param {Moment} moment @param {Sensed[]} sensed @param {string} scene where this map lies */
  draw(moment, sensed, scene) {
    const { words, link, heardAt, now } = moment;
    const markers = this.#markers(moment, sensed);
    this.panel.show(words, { value: markers.filter(({ order }) => order < NORMAL).length, at: heardAt, state: link, now });
    if (!this.#loaded && moment.clock - this.#askedAt > RETRY_MS) this.#load(moment.clock);
    if (scene !== moment.scene) return;
    const width = this.svg.clientWidth;
    const height = this.svg.clientHeight;
    if (width === 0 || height === 0) return;
    const key = JSON.stringify([width, height, this.#loaded, moment.least, markers]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    this.#render(markers, width, height, moment.least);
  }

  /** @param {number} clock */
  #load(clock) {
    this.#askedAt = clock;
    fetch(this.options.url, { headers: { Accept: "application/geo+json" } })
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`map: ${answer.status}`))))
      .then((collection) => {
        this.#ground = Array.isArray(collection?.features) ? collection.features : [];
        // A map that does not say that it is real is synthetic.
        put(this.synthetic, "hidden", collection?.synthetic === false);
        this.#loaded = true;
      })
      .catch((error) => console.warn(String(error)));
  }

  /** @param {Moment} moment @param {Sensed[]} sensed @returns {Marker[]} */
  #markers({ model, words }, sensed) {
    /** @type {Marker[]} */
    const markers = [];
    for (const site of Object.values(model.topics.sites)) {
      if (site.lat === null || site.lon === null || site.kind === "county") continue;
      markers.push({ key: `site:${site.id}`, lon: site.lon, lat: site.lat, text: words.name(site.name), kind: "site", level: 0, order: NORMAL, rank: site.kind === "village" ? RANK.village : RANK.site });
    }
    /** @type {Map<string, Sensed>} */
    const stations = new Map();
    for (const one of sensed) {
      const known = stations.get(one.sensor.station.id);
      if (known === undefined || one.judgement.rank < known.judgement.rank) stations.set(one.sensor.station.id, one);
    }
    const silent = [...stations.values()].filter(({ judgement }) => judgement.missing).length;
    for (const { sensor, judgement, state } of stations.values()) {
      const { station } = sensor;
      if (station.lat === null || station.lon === null) continue;
      // Where many are silent at once their symbols say so: names would only hide the villages.
      const named = isAlarm(judgement) || (judgement.sign !== null && !(judgement.missing && silent > SILENT_NAMED));
      const text = named ? words.name(station.name) : "";
      markers.push({ key: `station:${station.id}`, lon: station.lon, lat: station.lat, text, kind: station.kind, level: 0, order: judgement.rank, sign: judgement.sign, rank: RANK.sensor, lost: state === "lost" });
    }
    for (const resource of Object.values(model.topics.resources)) {
      if (resource.type === "stock" || resource.lat == null || resource.lon == null) continue;
      markers.push({ key: `${resource.type}:${resource.id}`, lon: resource.lon, lat: resource.lat, text: "", kind: resource.type, level: 0, order: NORMAL, rank: RANK[resource.type] });
    }
    for (const incident of model.openIncidents()) {
      const site = model.site(incident.site);
      const lon = incident.lon ?? site?.lon ?? null;
      const lat = incident.lat ?? site?.lat ?? null;
      if (lon === null || lat === null) continue;
      markers.push({ key: `incident:${incident.id}`, lon, lat, text: incident.title, kind: "incident", level: incident.level, order: incident.level / 10, rank: RANK.incident, roman: LATIN[incident.level] ?? "" });
    }
    return markers;
  }

  /**
   * @param {Marker[]} markers
   * @param {number} width
   * @param {number} height
   * @param {number} text size in pixels
   */
  #render(markers, width, height, text) {
    put(this.svg, "viewBox", `0 0 ${width} ${height}`);
    /** @type {[number, number][]} */
    const points = markers.map(({ lon, lat }) => [lon, lat]);
    for (const { geometry } of this.#ground) eachPoint(geometry, (lon, lat) => points.push([lon, lat]));
    const groundKey = JSON.stringify([width, height, this.#loaded, points.length]);
    if (groundKey !== this.#groundKey || this.#project === null) {
      this.#groundKey = groundKey;
      this.#project = fit(points, width, height, text * 1.2);
      this.#renderGround(this.#project, text);
    }
    const project = this.#project;
    const unit = text * 0.42;
    /** @typedef {import("./projection.js").Box} Box */
    /** @type {Box[]} */
    const incidents = [];
    const worstFirst = [...markers].sort((a, b) => a.order - b.order);
    const placed = worstFirst.map((marker) => {
      let [x, y] = project(marker.lon, marker.lat);
      const size = marker.kind === "incident" ? unit * 1.9 : unit;
      const box = () => ({ x: x - size, y: y - size, w: 2 * size, h: 2 * size });
      // Two incidents at one place stand side by side.
      if (marker.kind === "incident") {
        while (incidents.some((other) => overlap(box(), other)) && x + 3 * size < width) x += size;
        incidents.push(box());
      }
      return { ...marker, x, y, size, box: box() };
    });
    const nodes = [...placed].sort((a, b) => a.rank - b.rank || b.order - a.order).map((marker) => {
      const symbol = s("g", { class: `marker marker-${marker.kind}`, transform: `translate(${marker.x.toFixed(1)} ${marker.y.toFixed(1)}) scale(${(unit / 10).toFixed(3)})`,
        "data-level": marker.level || null, "data-sign": marker.sign ?? null, "data-key": marker.key }, shapeOf(marker.kind, marker.lost ?? false));
      if (marker.roman) symbol.append(...numeralOf(marker.roman));
      return symbol;
    });
    // Incidents first, the worst before the others; then what is abnormal, villages, and the other sites.
    const named = placed.filter((marker) => marker.text !== "").sort((a, b) => Number(b.kind === "incident") - Number(a.kind === "incident") || a.order - b.order || b.rank - a.rank);
    const wanted = named.map(({ x, y, size, kind, box, text: name }) => {
      // A village under an incident has its name beside the incident's symbol.
      const around = incidents.some((other) => overlap(box, other)) ? unit * 1.9 : size;
      return { x, y, gap: around + text * 0.15, size: text, texts: kind === "incident" ? LABEL_WIDTHS.map((most) => shorten(name, most)) : [name] };
    });
    const spots = placeLabels(wanted, placed.map(({ box }) => box), { width, height }, named.filter(({ kind }) => kind === "incident").length);
    const labels = spots.flatMap((spot, index) => {
      const marker = named[index];
      if (spot === null || marker === undefined) return [];
      return [s("text", { class: `map-label label-${marker.kind}`, "data-level": marker.level || null, "data-sign": marker.sign ?? null, x: spot.box.x.toFixed(1), y: (spot.box.y + text * 0.92).toFixed(1), "font-size": text.toFixed(1) }, spot.text)];
    });
    this.labelLayer.replaceChildren(...nodes, ...labels);
  }

  /** @param {(lon: number, lat: number) => [number, number]} project @param {number} text */
  #renderGround(project, text) {
    const shapes = this.#ground.flatMap(({ geometry, properties }) => {
      if (geometry === null || geometry.type === "Point") return [];
      const kind = String(properties?.["kind"] ?? "");
      const path = pathOf(geometry, project);
      const node = s("path", { class: `ground ground-${GROUND.has(kind) ? kind : "line"}`, d: path });
      return [node];
    });
    put(this.svg, "style", `--map-text:${text}px`);
    this.groundLayer.replaceChildren(...shapes);
  }
}

/**
 * The shape of a symbol, within ±10: shape says the kind, colour only the level.
 *
 * @param {string} kind
 * @param {boolean} lost crossed out, with an open outline
 */
function shapeOf(kind, lost) {
  /** @type {Record<string, () => SVGElement>} */
  const shapes = {
    site: () => s("circle", { r: 5 }),
    river: () => s("path", { d: "M-9 -7 H9 L0 9 Z" }),
    reservoir: () => s("path", { d: "M-10 -7 H10 L6 8 H-6 Z" }),
    rain: () => s("path", { d: "M0 -10 C5 -3 8 1 8 4 A8 7 0 0 1 -8 4 C-8 1 -5 -3 0 -10 Z" }),
    weather: () => s("rect", { x: -7, y: -7, width: 14, height: 14 }),
    soil: () => s("path", { d: "M0 -9 L9 8 H-9 Z" }),
    slope: () => s("path", { d: "M0 -9 L9 8 H-9 Z" }),
    team: () => s("path", { d: "M0 -10 L10 0 L0 10 L-10 0 Z" }),
    shelter: () => s("path", { d: "M0 -10 L10 -2 V9 H-10 V-2 Z" }),
    incident: () => s("rect", { x: -18, y: -18, width: 36, height: 36, rx: 5 }),
    lost: () => s("path", { d: "M-9 -7 H9 L0 9 Z" }),
  };
  const group = s("g", { class: `shape shape-${kind}${lost ? " shape-is-lost" : ""}` }, (shapes[kind] ?? shapes["site"] ?? (() => s("g")))());
  if (lost) group.append(s("path", { class: "shape-cross", d: "M-11 -11 L11 11 M11 -11 L-11 11" }));
  return group;
}

/** A Roman numeral between two bars: a bare I would be any stroke. @param {string} roman */
function numeralOf(roman) {
  const half = 5 + roman.length * 3;
  return [
    s("text", { class: "marker-roman", x: 0, y: 8.5, "text-anchor": "middle", "font-size": 24 }, roman),
    ...[-13, 10.5].map((y) => s("rect", { class: "marker-bar", x: -half, y, width: 2 * half, height: 2.5 })),
  ];
}

/** @param {string} text @param {number} most width, in Chinese characters */
function shorten(text, most) {
  let width = 0;
  for (let index = 0; index < text.length; index += 1) {
    width += textWidth(text.charAt(index));
    if (width > most) return `${text.slice(0, index)}…`;
  }
  return text;
}

/** @param {Geometry | null} geometry @param {(lon: number, lat: number) => void} take */
function eachPoint(geometry, take) {
  const walk = (/** @type {any} */ part) => {
    if (!Array.isArray(part)) return;
    if (typeof part[0] === "number" && typeof part[1] === "number") take(part[0], part[1]);
    else part.forEach(walk);
  };
  if (geometry?.geometries) geometry.geometries.forEach((inner) => eachPoint(inner, take));
  else walk(geometry?.coordinates);
}

/** @param {Geometry} geometry @param {(lon: number, lat: number) => [number, number]} project @returns {string} */
function pathOf(geometry, project) {
  if (geometry.geometries) return geometry.geometries.map((inner) => pathOf(inner, project)).join("");
  const closed = geometry.type.includes("Polygon");
  const line = (/** @type {[number, number][]} */ points) => points.map(([lon, lat], index) => {
    const [x, y] = project(lon, lat);
    return `${index === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
  }).join("") + (closed ? "Z" : "");
  /** @type {(part: any) => string} */
  const walk = (part) => {
    if (!Array.isArray(part) || part.length === 0) return "";
    if (Array.isArray(part[0]) && typeof part[0][0] === "number") return line(part);
    return part.map(walk).join("");
  };
  return walk(geometry.coordinates);
}
