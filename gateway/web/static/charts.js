// Draws each chart from the table beside it. Without this script the tables say the same.

(() => {
  const DASHES = { soon: [8, 5], routine: [2, 4], bot: [8, 5] };
  const HEIGHT = 224;
  // Nobody counts half a handoff.
  const WHOLE = [1, 2, 5].flatMap((n) => [1, 10, 100, 1000, 10000].map((tens) => n * tens)).sort((a, b) => a - b);
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const read = (table) => {
    const lines = [...table.tHead.rows[0].cells].slice(1).map((cell) => ({ name: cell.textContent.trim(), line: cell.dataset.line }));
    const rows = [...table.tBodies[0].rows];
    const labels = rows.map((row) => row.cells[0].textContent.trim().replace(/ \d{4}$/, ""));
    const values = lines.map((_, n) => rows.map((row) => {
      const said = row.cells[n + 1].dataset.value;
      return said ? Number(said) : null;
    }));
    return { lines, labels, values };
  };

  const draw = (figure) => {
    const plot = figure.querySelector(".plot");
    const { lines, labels, values } = read(figure.querySelector("table"));
    const axis = { stroke: color("--soft"), grid: { stroke: color("--rule"), width: 1 }, ticks: { stroke: color("--rule"), width: 1 } };
    const options = {
      width: plot.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false }, y: { range: (_, least, most) => [0, Math.max(most ?? 0, 1) * 1.1] } },
      axes: [
        { ...axis, space: 70, incrs: [1, 2, 4, 8, 13, 26], values: (_, at) => at.map((n) => labels[n] ?? "") },
        { ...axis, size: (_, said) => 26 + 7 * Math.max(...(said ?? [""]).map((one) => one.length)), ...(figure.dataset.unit ? {} : { incrs: WHOLE }), values: (_, at) => at.map((n) => `${n}${figure.dataset.unit ? ` ${figure.dataset.unit}` : ""}`) },
      ],
      series: [{}, ...lines.map(({ name, line }) => ({
        label: name,
        stroke: color(`--line-${line}`),
        width: 2.5,
        dash: DASHES[line],
        spanGaps: true,
        points: { show: labels.length < 30, size: 6, fill: color(`--line-${line}`) },
      }))],
    };
    plot.replaceChildren();
    return new window.uPlot(options, [labels.map((_, n) => n), ...values], plot);
  };

  const figures = [...document.querySelectorAll("figure[data-chart]")];
  if (!window.uPlot) {
    document.body.classList.add("no-charts");
    return;
  }
  const charts = new Map(figures.map((figure) => [figure, draw(figure)]));
  const again = (figure) => {
    charts.get(figure).destroy();
    charts.set(figure, draw(figure));
  };
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const figure = target.closest("figure");
      const width = Math.floor(target.clientWidth);
      if (width && width !== charts.get(figure).width) charts.get(figure).setSize({ width, height: HEIGHT });
    }
  });
  for (const figure of figures) resized.observe(figure.querySelector(".plot"));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => figures.forEach(again));
})();
