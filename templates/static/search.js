// Search a list's bundles: one pagefind for each language, because its index stems by one; results by
// score. Everything shown is set as text, never as markup. At most FIRST bundles are opened at the
// first keystroke, older years on request.
const FIRST = 12;
const PAGE = 20;
const form = document.getElementById("search");
const said = document.getElementById("said");
const found = document.getElementById("found");
const older = document.getElementById("older");
const more = document.getElementById("more");
const fields = Object.fromEntries(
  ["q", "year", "author", "kind", "attachment"].map((id) => [id, document.getElementById(id)]),
);
const here = new URL(".", location.href);
let bundles = null;
let open = new Map(); // language -> the promise of an instance, and the bundles in it
let everything = false;
let asked = 0;
let results = [];
let shown = 0;

async function manifest() {
  if (!bundles) bundles = (await (await fetch(new URL("bundles.json", here))).json()).bundles;
  return bundles;
}

function wanted() {
  const year = fields.year.value;
  const some = bundles.filter((b) => !year || String(b.year) === year || b.name.startsWith("new-"));
  return everything || year ? some : some.slice(0, FIRST);
}

async function instances() {
  await manifest();
  const jobs = [];
  for (const bundle of wanted()) {
    const path = new URL(`${bundle.name}/`, here).pathname;
    const there = open.get(bundle.language);
    if (!there) {
      // A module of its own: pagefind keeps its stemmer in the module, not in the instance.
      const start = import(new URL(`pagefind.js?${bundle.language}`, here)).then(async (module) => {
        const made = module.createInstance({ basePath: path, noWorker: true, baseUrl: "/" });
        await made.init();
        return made;
      });
      open.set(bundle.language, { start, names: new Set([bundle.name]) });
    } else if (!there.names.has(bundle.name)) {
      there.names.add(bundle.name);
      there.start = there.start.then(async (made) => {
        await made.mergeIndex(path, { baseUrl: "/" });
        return made;
      });
    }
  }
  for (const { start } of open.values()) jobs.push(start);
  return Promise.all(jobs);
}

async function authors(all) {
  const names = new Map();
  for (const one of all) {
    const { author = {} } = await one.filters();
    for (const [name, count] of Object.entries(author)) names.set(name, (names.get(name) || 0) + count);
  }
  const list = document.getElementById("authors");
  list.replaceChildren(
    ...[...names].sort((a, b) => b[1] - a[1]).map(([name]) => {
      const option = document.createElement("option");
      option.value = name;
      return option;
    }),
  );
}

async function search() {
  const turn = ++asked;
  const words = fields.q.value.trim();
  const filters = {};
  if (fields.author.value) filters.author = fields.author.value;
  if (fields.kind.value) filters.kind = fields.kind.value;
  if (fields.attachment.checked) filters.attachment = "yes";
  if (!words && !Object.keys(filters).length) {
    results = [];
    return draw(turn, "");
  }
  said.textContent = form.dataset.wait;
  try {
    const all = await instances();
    const answers = await Promise.all(all.map((one) => one.search(words || null, { filters })));
    if (turn !== asked) return;
    results = answers.flatMap((answer) => answer.results).sort((a, b) => b.score - a.score);
    older.hidden = everything || Boolean(fields.year.value) || bundles.length <= FIRST;
    await draw(turn, results.length ? String(results.length) : form.dataset.none);
    if (turn === asked) authors(all);
  } catch (error) {
    open = new Map(); // what failed once (a network that was away) is asked anew at the next letter
    bundles = null;
    if (turn === asked) said.textContent = form.dataset.broken;
    throw error;
  }
}

async function draw(turn, words) {
  const first = await Promise.all(results.slice(0, PAGE).map((one) => one.data()));
  if (turn !== asked) return;
  const year = fields.year.value;
  shown = PAGE;
  found.replaceChildren(...first.filter((one) => !year || one.meta.date.startsWith(year)).map(item));
  more.hidden = results.length <= shown;
  said.textContent = words;
}

function item(data) {
  const li = document.createElement("li");
  const a = document.createElement("a");
  a.className = "about";
  a.href = new URL(`../${data.raw_url || data.url}`.replace("..//", "../"), here);
  a.textContent = data.meta.title || form.dataset.untitled;
  const by = document.createElement("p");
  by.className = "by";
  by.textContent = `${data.meta.author || form.dataset.someone} · ${data.meta.date}`;
  const text = document.createElement("p");
  text.className = "small";
  // The excerpt is escaped text with <mark>: read as inert markup, kept as text and marks.
  const inert = new DOMParser().parseFromString(data.excerpt, "text/html").body;
  for (const node of inert.childNodes) {
    const piece = node.nodeName === "MARK" ? document.createElement("mark") : new Text();
    piece.textContent = node.textContent;
    text.append(piece);
  }
  li.append(a, by, text);
  return li;
}

let soon = 0;
function later() {
  clearTimeout(soon);
  soon = setTimeout(() => {
    const url = new URL(location.href);
    url.searchParams.set("q", fields.q.value);
    history.replaceState(null, "", url);
    search();
  }, 200);
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", later);
older.addEventListener("click", () => {
  everything = true;
  search();
});
more.addEventListener("click", async () => {
  const next = await Promise.all(results.slice(shown, shown + PAGE).map((one) => one.data()));
  shown += PAGE;
  const items = next.map(item);
  found.append(...items);
  items[0]?.querySelector("a").focus();
  more.hidden = results.length <= shown;
});
// What was typed before this script came stays.
fields.q.value ||= new URL(location.href).searchParams.get("q") || "";
fields.q.focus();
if (fields.q.value) search();
