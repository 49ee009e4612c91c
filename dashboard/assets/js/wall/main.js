/** The wall: makes its scenes, keeps them true with the live feed, changes them in turn, and says so when the server is lost. */

import { io } from "/assets/vendor/socket.io-client/socket.io.esm.min.js";
import { CONNECTION, Feed, LIVE_MS } from "../feed.js";
import { renew } from "../session.js";
import { linkState } from "../staleness.js";
import { place, put, write } from "../dom.js";
import { DutyPanel } from "./duty.js";
import { EventsPanel, Ticker } from "./events.js";
import { AlarmLine } from "./alarmline.js";
import { pageAt, pagesOf, timeOf } from "./arrangement.js";
import { Header } from "./header.js";
import { IncidentScene } from "./incident.js";
import { IncidentsPanel } from "./incidents.js";
import { MapPanel } from "./map.js";
import { Model } from "../model.js";
import { reloadWhenHealthy } from "./reload.js";
import { ResourcesPanel } from "./resources.js";
import { RiverChart } from "./riverchart.js";
import { RiversPanel } from "./rivers.js";
import { RoomPanel } from "./rooms.js";
import { Rotation } from "./rotation.js";
import { SceneBar } from "./scenebar.js";
import { textSize } from "./screen.js";
import { SensorGrid } from "./sensorgrid.js";
import { sense } from "./sensors.js";
import { Words } from "../words.js";

/**
 * @typedef {{lang: "zh" | "en", timezone: string, messages: Record<string, string>, text: {target: number, least: number},
 *   scenes: string[], scene_s: number, hold_s: number, confirm_h: number, map: string, colours: Record<string, string>}} PageConfig
 */

const TOPICS = ["sites", "readings", "incidents", "resources", "duty", "rooms", "journal", "system"];
/** Without a tick, ages are moved on by the page itself. */
const OWN_BEAT_MS = 1000;
const PROMOTED = "incident";
/** A server that answers /healthz while the feed stays away this long: the page itself may be what is broken. */
const STUCK_MS = 300_000;
/** A whole snapshot for the sake of a new sensor at most this often. */
const REFRESH_MS = 10_000;
/** After a shift's end the roster is asked for at most this often. */
const SHIFT_MS = 60_000;
/** Between two looks for the layout that Dash draws. */
const LOOK_MS = 20;

class Wall {
  #model = new Model();
  #dirty = false;
  #scene = "";
  /** @type {import("./arrangement.js").Density} */
  #density = "full";
  #arranged = "";
  /** @type {string | null} */
  #promoted = null;
  #refreshedAt = -Infinity;
  #least = 16;
  /** The moment whose pictures are still to be drawn. @type {import("./context.js").Moment | null} */
  #unpainted = null;
  /** Server time of the last word from it. @type {number | null} */
  #heardAt = null;

  /** @param {PageConfig} config */
  constructor(config) {
    this.config = config;
    const words = (this.words = new Words(config.lang, config.messages, config.timezone));
    document.documentElement.lang = config.lang === "zh" ? "zh-CN" : "en";
    this.#fitType();
    addEventListener("resize", () => this.#fitType());
    const asked = new URLSearchParams(location.search);
    const fixed = asked.get("scene");
    const sceneMs = fixed !== null ? 0 : seconds(asked.get("rotate"), config.scene_s) * 1000;
    const scenes = fixed !== null && config.scenes.includes(fixed) ? [fixed] : config.scenes;
    this.rotation = new Rotation(scenes, { sceneMs, holdMs: seconds(asked.get("hold"), config.hold_s) * 1000, timeOf: (scene) => timeOf(this.#density, scene, sceneMs) }, performance.now());
    this.bar = new SceneBar(place("scenes"), [...config.scenes, PROMOTED], words);
    this.header = new Header(words);
    this.alarms = new AlarmLine(words);
    this.ticker = new Ticker(place("ticker"));
    this.incidents = new IncidentsPanel(place("overview-left"), words);
    this.rivers = new RiversPanel(place("overview-left"), words);
    this.map = new MapPanel(place("overview-map"), words, { tile: "map", url: config.map });
    this.events = new EventsPanel(place("overview-right"), words);
    this.stocks = new ResourcesPanel(place("overview-right"), words, { tile: "resources", title: "resources.title", type: null, long: false, confirmH: config.confirm_h });
    this.rooms = [
      new RoomPanel(place("overview-right"), words, { tile: "consultation", columns: config.lang === "en" ? 1 : 2, rank: 0, long: false }),
      new RoomPanel(place("duty-rooms"), words, { tile: "room", columns: 3, rank: 0, long: true }),
      new RoomPanel(place("duty-rooms"), words, { tile: "room-2", columns: 3, rank: 1, long: true }),
      new RoomPanel(place("incident-right"), words, { tile: "incident-room", columns: config.lang === "en" ? 1 : 2, rank: 0, long: false }),
    ];
    this.chart = new RiverChart(place("sensors-chart"), place("river-figure"), words, config.timezone, config.colours);
    this.grid = new SensorGrid((group) => place(`sensors-${group}`), words);
    this.lists = /** @type {const} */ (["stock", "team", "shelter"]).map((type) =>
      new ResourcesPanel(place("resources-grid"), words, { tile: `${type}s`, title: `resources.${type}`, type, long: true, confirmH: config.confirm_h }));
    this.duty = /** @type {const} */ (["shift", "next"]).map((which) => new DutyPanel(place("duty-people"), words, which));
    this.incident = new IncidentScene(place("incident-head"), place("incident-log"), place("incident-right"), words);
    this.incidentMap = new MapPanel(place("incident-map"), words, { tile: "incident-map", url: config.map });
    write(place("banner-title"), words.t("banner.title"));
    this.feed = new Feed(/** @type {any} */ (io("/feed", { ...CONNECTION })), TOPICS, {
      snapshot: (topics) => {
        this.#heardAt = this.feed.now();
        const news = this.#model.known ? Infinity : this.rotation.timing.holdMs;
        for (const incident of this.#model.replace(topics)) {
          // A wall that was just switched on shows what is new, not what the room has known for hours.
          if ((this.#heardAt ?? 0) - incident.opened_at <= news) this.#promote(incident.id);
        }
        this.#mark();
      },
      event: (event) => {
        const risen = this.#model.apply(event);
        if (risen !== null) this.#promote(risen.id);
        // What a station measures and by which marks it is judged comes with a snapshot only.
        if (event.topic === "stations") this.#refresh(REFRESH_MS);
        this.#mark();
      },
      tick: (tick) => {
        if (this.#model.tick(tick)) this.#refresh(REFRESH_MS);
        this.#heardAt = tick.now;
        this.#draw();
      },
      link: () => this.#draw(),
      refused: (code) => {
        // A person who looks at the wall has a login that runs out; a screen that was taken away pairs again.
        if (code === "unauthenticated") void renew().then((renewal) => (renewal === "refused" ? location.replace("/wall/pair") : undefined));
      },
    });
  }

  /** Begin: the feed lives from now on, and the page beats by itself while it does not. */
  start() {
    this.feed.start();
    setInterval(() => {
      if (this.feed.silence() > 1.5 * OWN_BEAT_MS) this.#draw();
      if (this.feed.silence() > STUCK_MS) void reloadWhenHealthy();
    }, OWN_BEAT_MS);
    this.#draw();
  }

  /** @param {string} id */
  #promote(id) {
    this.#promoted = id;
    this.rotation.promote(PROMOTED, performance.now());
  }

  /** Draw soon, once for all changes of this turn. */
  #mark() {
    if (this.#dirty) return;
    this.#dirty = true;
    queueMicrotask(() => this.#draw());
  }

  /** @param {number} everyMs at most this often */
  #refresh(everyMs) {
    const clock = performance.now();
    if (clock - this.#refreshedAt < everyMs) return;
    this.#refreshedAt = clock;
    this.feed.refresh();
  }

  #fitType() {
    const size = textSize(this.config.text, innerWidth, innerHeight);
    document.documentElement.style.fontSize = `${size.root.toFixed(2)}px`;
    document.documentElement.style.setProperty("--least", `${size.least.toFixed(2)}px`);
    put(document.body, "data-density", size.density);
    this.#least = size.least;
    this.#density = size.density;
  }

  #draw() {
    this.#dirty = false;
    const clock = performance.now();
    const incident = this.#grave();
    const { scene, share, held } = this.rotation.at(clock);
    this.#turn(scene);
    const pages = pagesOf(this.#density, scene);
    const page = pageAt(pages.length, share, clock, held || this.rotation.timing.sceneMs === 0);
    this.#arrange(scene, pages[page] ?? null);
    const now = this.feed.now();
    /** @type {import("./context.js").Moment} */
    const moment = { model: this.#model, words: this.words, now, clock, link: linkState(this.#heardAt === null ? Infinity : this.feed.silence()), heardAt: this.#heardAt, scene, least: this.#least };
    // A shift ends by the clock, and no event tells it.
    const { shift, next } = this.#model.topics.duty;
    if (now !== null && this.feed.live && (now > (shift?.ends ?? Infinity) || (shift === null && now > (next?.starts ?? Infinity)))) this.#refresh(SHIFT_MS);
    const sensed = sense(this.#model, now, moment.link);
    this.header.draw(moment);
    this.ticker.draw(moment);
    this.alarms.draw(moment, sensed);
    this.bar.draw(scene, share, held, pages.length > 1 ? this.words.t("page", { page: page + 1, pages: pages.length }) : "");
    this.incidents.draw(moment);
    this.rivers.draw(moment, sensed);
    this.map.draw(moment, sensed, "overview");
    this.events.draw(moment);
    this.stocks.draw(moment);
    for (const room of this.rooms) room.draw(moment);
    this.chart.draw(moment, sensed);
    this.grid.draw(moment, sensed);
    for (const list of this.lists) list.draw(moment);
    for (const duty of this.duty) duty.draw(moment);
    this.incident.draw(moment, sensed, incident);
    this.incidentMap.draw(moment, sensed, PROMOTED);
    const lost = !this.feed.live && this.feed.silence() > LIVE_MS;
    put(place("banner"), "hidden", !lost);
    put(document.body, "data-known", this.#model.known ? "yes" : "no");
    put(document.body, "data-connected", lost ? "no" : "yes");
    if (lost) {
      const since = this.#heardAt === null ? this.words.t("banner.never") : this.words.t("banner.since", { at: this.words.time(this.#heardAt), span: this.words.span(this.feed.silence()) });
      write(place("banner-text"), since);
    }
    if (this.#unpainted === null) setTimeout(() => this.#paint(), 0);
    this.#unpainted = moment;
  }

  /** The chart, in a turn of its own after the numbers. */
  #paint() {
    if (this.#unpainted !== null) this.chart.plot(this.#unpainted);
    this.#unpainted = null;
  }

  /** The incident that holds the screen: the promoted one while it is open, otherwise the worst of levels Ⅰ and Ⅱ. */
  #grave() {
    const grave = this.#model.openIncidents().filter(({ level }) => level <= 2);
    const chosen = grave.find(({ id }) => id === this.#promoted) ?? grave[0];
    if (this.#model.known && chosen === undefined) this.rotation.release();
    const scenes = this.config.scenes;
    if (this.rotation.timing.sceneMs > 0) this.rotation.scenes = chosen === undefined ? scenes : [...scenes, PROMOTED];
    this.bar.offer(PROMOTED, chosen !== undefined);
    return chosen;
  }

  /**
   * Take the panels that are not on this page out of the scene.
   *
   * @param {string} scene
   * @param {readonly string[] | null} panels null: all
   */
  #arrange(scene, panels) {
    const wanted = `${scene} ${panels?.join() ?? ""}`;
    if (wanted === this.#arranged) return;
    this.#arranged = wanted;
    const root = place(`scene-${scene}`);
    put(root, "data-columns", null);
    for (const tile of root.querySelectorAll(".tile")) put(tile, "data-away", panels !== null && !panels.includes(tile.getAttribute("data-tile") ?? ""));
    let columns = 0;
    for (const box of root.children) {
      const empty = box.querySelector(".tile:not([data-away])") === null;
      put(box, "data-away", empty);
      if (!empty && box.id !== "incident-head") columns += 1;
      for (const part of box.querySelectorAll(".part")) put(part, "data-away", part.querySelector(".tile:not([data-away])") === null);
    }
    if (panels !== null) put(root, "data-columns", columns);
  }

  /** @param {string} scene */
  #turn(scene) {
    if (scene === this.#scene) return;
    this.#scene = scene;
    put(document.body, "data-scene", scene);
    for (const node of document.querySelectorAll(".scene")) node.classList.toggle("on", node.id === `scene-${scene}`);
  }
}

/** @param {string | null} asked @param {number} standard */
function seconds(asked, standard) {
  const value = asked === null ? NaN : Number(asked);
  return Number.isFinite(value) && value >= 0 && value <= 86_400 ? value : standard;
}

/** Dash draws the layout in its own time: begin when its last part is there. */
function whenReady() {
  if (document.getElementById("river-figure") === null) {
    // Not at the next frame: a screen that sleeps draws none, and the wall must be current when it wakes.
    setTimeout(whenReady, LOOK_MS);
    return;
  }
  /** @type {PageConfig} */
  const config = JSON.parse(place("fenghuo-page").textContent ?? "{}");
  new Wall(config).start();
}

whenReady();
