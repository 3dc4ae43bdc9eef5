// What a page shows, in facts that neither a font nor an anti-aliasing changes: each text, picture,
// field and rule in its order, its edges, what it stands below or beside, its colours. Returned as
// rows; layout.py compares them with a drawing and finds what is wrong in any page.
() => {
  const rows = [];
  const number = value => Math.round(value * 10) / 10;
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const parts = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const hex = ([r, g, b]) => "#" + [r, g, b].map(
    part => Math.round(part).toString(16).padStart(2, "0")).join("");
  const over = ([r, g, b, a], below) => [r, g, b].map((part, i) => part * a + below[i] * (1 - a));
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  // The ground of the window itself, where no element has one.
  const canvasOf = () => dark && getComputedStyle(document.documentElement).colorScheme
    .includes("dark") ? [18, 18, 18] : [255, 255, 255];
  const groundOf = element => {
    const above = [];
    for (let one = element; one; one = one.parentElement) {
      const colour = parts(getComputedStyle(one).backgroundColor);
      if (colour[3] > 0) above.push(colour);
      if (colour[3] === 1) break;
    }
    return above.reduceRight((below, colour) => over(colour, below), canvasOf());
  };
  const light = rgb => {
    const [r, g, b] = rgb.map(part => part / 255).map(
      part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const blank = text => !(text || "").replace(/[\s\u00a0\u200b-\u200f\u00ad\ufeff]/g, "");
  const words = text => text.replace(/[\s\u00ad]+/g, " ").trim().slice(0, 24).trim();
  const inline = element => ["inline", "contents", "ruby"].includes(getComputedStyle(element).display);
  const owner = node => {
    let one = node.parentElement;
    while (inline(one) && one !== document.body) one = one.parentElement;
    return one;
  };
  const edges = style => ["Top", "Right", "Bottom", "Left"]
    .map(side => [side.toLowerCase(), parseFloat(style["border" + side + "Width"]),
      parts(style["border" + side + "Color"])])
    .filter(([, width, colour]) => width > 0 && colour[3] > 0)
    .map(([side, , colour]) => side + " " + hex(over(colour, [255, 255, 255])));
  const scrolled = element => {
    for (let one = element; one && one !== document.body; one = one.parentElement) {
      if (/auto|scroll/.test(getComputedStyle(one).overflowX)) return true;
    }
    return false;
  };
  const follows = element => {
    for (let one = element.previousSibling; one; one = one.previousSibling) {
      if (one.nodeType === Node.ELEMENT_NODE || !blank(one.data)) return true;
    }
    return false;
  };
  // Whether the words decide how wide the box around an element is, as they do in a row of flex.
  const flowing = element => {
    for (let one = element; one.parentElement; one = one.parentElement) {
      const [style, row] = [getComputedStyle(one), getComputedStyle(one.parentElement)];
      if (row.display.includes("flex") && row.flexDirection.startsWith("row")
        && !parseFloat(style.flexGrow)) {
        return {right: true, left: follows(one)
          || !/normal|start|left/.test(row.justifyContent)};
      }
    }
    return {right: false, left: false};
  };
  const union = rects => rects.reduce((all, one) => ({
    left: Math.min(all.left, one.left), right: Math.max(all.right, one.right),
    top: Math.min(all.top, one.top), bottom: Math.max(all.bottom, one.bottom)}));
  const place = (row, box) => Object.assign(row, {
    left: number(box.left + scrollX), right: number(box.right + scrollX),
    top: number(box.top + scrollY), bottom: number(box.bottom + scrollY)});

  // Put out of sight to the left: for those who listen, or for programs that fill in everything.
  const away = box => box.right + scrollX <= 0;

  const seen = new Map();
  const text = (node, holder) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    const rects = [...range.getClientRects()].filter(one => one.width > 0.5 && one.height > 0.5);
    if (!rects.length) return;
    const style = getComputedStyle(holder);
    let row = seen.get(holder);
    if (!row) {
      const box = holder.getBoundingClientRect();
      const inner = {
        left: box.left + parseFloat(style.borderLeftWidth) + parseFloat(style.paddingLeft),
        right: box.right - parseFloat(style.borderRightWidth) - parseFloat(style.paddingRight)};
      const cell = style.display === "table-cell";
      const flow = flowing(holder);
      const shrunk = /^inline-|^table$/.test(style.display);
      const blocks = [...holder.children].some(one => !inline(one) && one.checkVisibility());
      const boxed = parts(style.backgroundColor)[3] > 0 || edges(style).length > 1;
      const [ground, colour] = [groundOf(holder), parts(style.color)];
      row = place({
        kind: "text", tag: holder.localName, words: "", size: parseFloat(style.fontSize),
        bold: style.fontWeight >= 600, align: style.textAlign.replace("-webkit-", "")
          .replace("start", "left"),
        colour: hex(over(colour, ground)), ground: hex(ground), edges: edges(style),
        pad: [style.paddingTop, style.paddingRight, style.paddingBottom, style.paddingLeft]
          .map(parseFloat).map(Math.round),
        boxed, // whose padding is seen
        looseLeft: flow.left || cell && !!holder.previousElementSibling
          || shrunk && (follows(holder)
            || /center|right|end/.test(getComputedStyle(holder.parentElement).textAlign)),
        looseRight: flow.right || cell && !!holder.nextElementSibling || shrunk,
        // Further lines of a table are as its first.
        again: holder.localName === "td" && !!holder.parentElement.previousElementSibling
          ?.querySelector(":scope > td"),
        mixed: blocks, scrolled: scrolled(holder), glyphs: null, spills: 0,
      }, boxed && !blocks ? box : {...inner, top: box.top, bottom: box.bottom});
      if (!cell && !blocks && !boxed) {
        row.top = number(row.top + parseFloat(style.paddingTop));
        row.bottom = number(row.bottom - parseFloat(style.paddingBottom));
      }
      if (away(box)) row = {kind: "hidden", tag: row.tag, words: "", size: 0};
      seen.set(holder, row);
      rows.push(row);
    }
    if (row.words.length < 24) row.words = words(row.words + " " + node.data);
    if (row.kind === "hidden") return;
    const all = union(rects);
    if (row.mixed) Object.assign(row, {
      top: number(Math.min(row.glyphs ? row.glyphs.top : Infinity, all.top + scrollY)),
      bottom: number(Math.max(row.glyphs ? row.glyphs.bottom : -Infinity, all.bottom + scrollY))});
    row.glyphs = place({}, row.glyphs ? union([place({}, {left: row.glyphs.left - scrollX,
      right: row.glyphs.right - scrollX, top: row.glyphs.top - scrollY,
      bottom: row.glyphs.bottom - scrollY}), place({}, all)]) : all);
    const box = holder.getBoundingClientRect();
    row.spills = Math.max(row.spills, number(all.right - box.right), number(box.left - all.left));
    const own = node.parentElement;
    const mine = getComputedStyle(own);
    const ground = groundOf(own);
    const colour = over(parts(mine.color), ground);
    const ratio = contrast(colour, ground);
    const large = parseFloat(mine.fontSize) >= 24 || parseFloat(mine.fontSize) >= 18.66
      && mine.fontWeight >= 700;
    if (ratio < (large ? 3 : 4.5) && mine.backgroundImage === "none") {
      row.faint = Math.min(row.faint || 99, number(ratio));
    }
    const changed = hex(colour) !== row.colour || hex(ground) !== row.ground;
    if (own !== holder && (changed || own.localName === "a")) {
      rows.push({kind: "in", tag: own.localName, words: words(node.data), colour: hex(colour),
        ground: hex(ground), line: own.localName === "a"
          && mine.textDecorationLine.includes("underline")});
    }
  };
  const thing = (element, kind, more) => {
    if (away(element.getBoundingClientRect())) {
      rows.push({kind: "hidden", tag: element.localName, words: more.words});
      return;
    }
    const style = getComputedStyle(element);
    const ground = groundOf(element);
    rows.push(place({
      kind, tag: element.localName, colour: hex(over(parts(style.color), ground)),
      ground: hex(ground), edges: edges(style), scrolled: scrolled(element),
      looseLeft: flowing(element).left, looseRight: kind === "field" || flowing(element).right,
      ...more}, element.getBoundingClientRect()));
  };
  const walk = element => {
    for (const node of element.childNodes) {
      if (node.nodeType === Node.TEXT_NODE && !blank(node.data)) text(node, owner(node));
      if (node.nodeType !== Node.ELEMENT_NODE) continue;
      if (/^(script|style|template|noscript|source)$/.test(node.localName)) continue;
      if (!node.checkVisibility({opacityProperty: true, visibilityProperty: true})) {
        if (!blank(node.textContent) || node.querySelector("img, input")) {
          rows.push({kind: "hidden", tag: node.localName, words: words(node.textContent)});
        }
      } else if (node.localName === "img") {
        const broken = !node.naturalWidth;
        const box = node.getBoundingClientRect();
        const was = node.naturalHeight / node.naturalWidth;
        thing(node, "picture", {words: words(node.alt), broken, size: parseFloat(
          getComputedStyle(node).fontSize), bent: !broken && box.width > 0
          && Math.abs(box.height / box.width / was - 1) > 0.03});
      } else if (/^(input|select|textarea|iframe|video|svg)$/.test(node.localName)) {
        if (node.type !== "hidden") thing(node, "field", {words: node.name || node.title || ""});
      } else {
        const style = getComputedStyle(node);
        if (blank(node.textContent) && edges(style).length && !node.children.length) {
          thing(node, "rule", {tag: "line", words: ""});
        }
        walk(node);
      }
    }
  };
  walk(document.body);
  const page = document.documentElement;
  return {rows, ground: hex(groundOf(document.body)), width: innerWidth,
    wide: Math.max(page.scrollWidth, document.body.scrollWidth)};
}
