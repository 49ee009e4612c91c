/**
 * The one large chart: the river that matters most now over the recent past, in the figure that dataviz made, moved by Plotly.
 * `draw` writes the words, `plot` the picture: Plotly needs tens of milliseconds, for which no number may wait.
 */

import { write, put } from "../dom.js";
import { showable } from "../words.js";
import { arrow, meaning, unitOf, waters } from "./sensors.js";
import { gapOf } from "./spark.js";
import { Panel, SignMark } from "./tile.js";

/**
 * @typedef {import("./context.js").Moment} Moment
 * @typedef {import("./sensors.js").Sensed} Sensed
 * @typedef {HTMLElement & {layout?: any}} Graph
 * @typedef {{restyle: Function, relayout: Function, update: Function, Plots: {resize: (graph: Graph) => void}}} Plotly
 */

/** Another river takes the chart only when the scene was away, or after this long. */
const KEEP_MS = 60_000;
/** The curve is drawn anew at most this often: its points are minutes. */
const DRAW_MS = 3_000;
/** A chart that spans less than this writes seconds on its axis. */
const SECONDS_BELOW_MS = 600_000;


export class RiverChart {
  #sensor = "";
  #chosenAt = -Infinity;
  /** @type {[number, number | null][]} */
  #points = [];
  #drawnAt = -Infinity;
  #range = "";
  #offset = 0;
  /** @type {Sensed | null} */
  #chosen = null;

  /** @param {HTMLElement} box @param {HTMLElement} frame holds the Dash graph @param {import("../words.js").Words} words @param {string} timezone @param {Record<string, string>} colours of the marks, by kind */
  constructor(box, frame, words, timezone, colours) {
    this.panel = new Panel("river-chart", words.t("chart.title"), ".panel-chart");
    this.sign = new SignMark();
    this.panel.title.before(this.sign.node);
    this.panel.body.append(frame);
    box.append(this.panel.node);
    this.frame = frame;
    this.timezone = timezone;
    this.colours = colours;
    new ResizeObserver(() => {
      const graph = this.#graph();
      if (graph !== null && frame.clientWidth > 0) plotly()?.Plots.resize(graph);
    }).observe(frame);
  }

  /** @param {Moment} moment @param {Sensed[]} sensed */
  draw(moment, sensed) {
    const { words, now, link, clock } = moment;
    const rivers = waters(sensed);
    const current = rivers.find(({ sensor }) => sensor.id === this.#sensor);
    const worst = rivers.find(({ sensor }) => sensor.quantity === "stage" || sensor.quantity === "flow") ?? rivers[0];
    const seen = moment.scene === "sensors";
    let chosen = current;
    if (worst !== undefined && (current === undefined || (worst !== current && (!seen || clock - this.#chosenAt > KEEP_MS) && rank(worst) < rank(current)))) {
      chosen = worst;
      this.#choose(worst, clock);
    }
    this.#chosen = chosen ?? null;
    if (!seen) this.#drawnAt = -Infinity;
    if (chosen === undefined) {
      this.panel.show(words, { value: null, at: moment.heardAt, state: link, now });
      this.panel.sayEmpty(words.t("rivers.empty"));
      return;
    }
    this.panel.sayEmpty(null);
    const { sensor, state, judgement } = chosen;
    this.panel.show(words, { value: sensor.value, at: sensor.at, state, now, measured: true });
    this.sign.show(words, judgement);
    write(this.panel.title, words.t("chart.of", { station: words.name(sensor.station.name), name: words.name(sensor.name) }));
    const said = meaning(words, chosen);
    write(this.panel.note, `${words.number(sensor.value, sensor.decimals)} ${unitOf(sensor)} ${arrow(chosen)} · ${said.text}`);
    put(this.panel.note, "data-kind", said.kind);
  }

  /**
   * Move the curve on, where it is in sight and due.
   *
   * @param {Moment} moment
   */
  plot(moment) {
    const graph = this.#graph();
    const drawing = plotly();
    if (this.#chosen === null || graph === null || drawing === null || moment.scene !== "sensors" || moment.clock - this.#drawnAt < DRAW_MS) return;
    this.#drawnAt = moment.clock;
    this.#take(this.#chosen);
    this.#offset = offsetOf(this.timezone, moment.now ?? 0);
    drawing.restyle(graph, { x: [this.#points.map(([at]) => at + this.#offset)], y: [this.#points.map(([, value]) => value)] }, [0]);
    this.#frame(graph, drawing, this.#chosen, moment);
  }

  /** @param {Sensed} sensed @param {number} clock */
  #choose({ sensor }, clock) {
    this.#sensor = sensor.id;
    this.#chosenAt = clock;
    this.#drawnAt = -Infinity;
    this.#range = "";
  }

  /** @param {Sensed} sensed */
  #take({ sensor }) {
    const gap = gapOf(sensor);
    this.#points = [];
    let before = -Infinity;
    for (const [at, value] of sensor.recent) {
      if (!showable(value)) continue;
      // Plotly leaves a line open at a null.
      if (at - before > gap && before > 0) this.#points.push([(before + at) / 2, null]);
      this.#points.push([at, value]);
      before = at;
    }
  }

  /**
   * The marks and the height of the picture; changed only when they are another.
   *
   * @param {Graph} graph
   * @param {Plotly} drawing
   * @param {Sensed} sensed
   * @param {Moment} moment
   */
  #frame(graph, drawing, { sensor }, moment) {
    const { words } = moment;
    let low = Infinity;
    let high = -Infinity;
    for (const [, value] of this.#points) {
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    if (low > high) return;
    for (const mark of sensor.marks) high = Math.max(high, mark.value);
    const step = niceStep((high - low) / 5);
    low = Math.floor((low - step * 0.2) / step) * step;
    high = Math.ceil((high + step * 0.5) / step) * step;
    const short = (this.#points[this.#points.length - 1]?.[0] ?? 0) - (this.#points[0]?.[0] ?? 0) < SECONDS_BELOW_MS;
    const range = JSON.stringify([this.#sensor, low, high, short, moment.least, graph.clientWidth]);
    if (range === this.#range) return;
    this.#range = range;
    const size = moment.least;
    drawing.relayout(graph, {
      "yaxis.range": [low, high],
      "yaxis.title.text": "",
      "yaxis.tickfont.size": size, "xaxis.tickfont.size": size, "font.size": size,
      "xaxis.nticks": Math.max(2, Math.floor(graph.clientWidth / (size * 7))), "margin.l": size * 3, "margin.b": size * 1.6, "margin.t": size * 0.4, "margin.r": size,
      "xaxis.tickformat": short ? "%H:%M:%S" : "%H:%M", "yaxis.tickformat": `.${Math.min(sensor.decimals, step >= 1 ? 0 : 2)}f`,
      shapes: sensor.marks.map((mark) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: mark.value, y1: mark.value,
        line: { color: this.colours[mark.kind], width: Math.max(1.5, size / 12), dash: "dash" } })),
      annotations: sensor.marks.map((mark, index) => ({ text: `${words.name(mark.name)} ${words.number(mark.value, sensor.decimals)}`, xref: "paper", x: index % 2, xanchor: index % 2 === 0 ? "left" : "right",
        y: mark.value, yanchor: "bottom", showarrow: false, font: { color: this.colours[mark.kind], size } })),
    });
    drawing.restyle(graph, { "line.width": Math.max(2, size / 9) }, [0]);
  }

  /** @returns {Graph | null} */
  #graph() {
    return this.frame.querySelector(".js-plotly-plot");
  }
}

/** @param {Sensed} sensed */
function rank({ judgement, sensor }) {
  return judgement.rank + (sensor.quantity === "stage" || sensor.quantity === "flow" ? 0 : 0.5);
}

/** @returns {Plotly | null} present once Dash has loaded its graph component */
function plotly() {
  return /** @type {any} */ (window).Plotly ?? null;
}

/**
 * Plotly writes times as UTC: what must be added so that the axis shows the township's own.
 *
 * @param {string} timezone
 * @param {number} at
 */
function offsetOf(timezone, at) {
  /** @type {Record<string, number>} */
  const part = {};
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: timezone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" });
  for (const { type, value } of format.formatToParts(at)) part[type] = Number(value);
  const local = Date.UTC(part["year"] ?? 1970, (part["month"] ?? 1) - 1, part["day"], part["hour"], part["minute"], part["second"]);
  return local - Math.floor(at / 1000) * 1000;
}

/** @param {number} rough */
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1e-6)));
  return ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
}
