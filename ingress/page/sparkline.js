// A figure's last minute as a line.

const SVG = "http://www.w3.org/2000/svg";
const POINTS = 60;
const [WIDTH, HEIGHT] = [POINTS - 1, 24];

export class Sparkline {
  #values = [];
  #line = document.createElementNS(SVG, "polyline");

  constructor() {
    this.element = document.createElementNS(SVG, "svg");
    this.element.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.element.setAttribute("preserveAspectRatio", "none");
    this.element.setAttribute("aria-hidden", "true");
    this.element.append(this.#line);
  }

  add(value) {
    this.#values = [...this.#values, value].slice(-POINTS);
    const most = Math.max(...this.#values, 1);
    const from = POINTS - this.#values.length;
    const points = this.#values.map((one, at) => `${from + at},${HEIGHT - 1 - (one / most) * (HEIGHT - 2)}`);
    this.#line.setAttribute("points", points.join(" "));
  }
}
