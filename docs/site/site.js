// What the pages do besides being read: the theme, links to headings, and the search. They read well without it.
'use strict';

const root = document.documentElement;

// The theme. A page that is opened as a file may have no storage: then the choice lasts as long as the page.
const stored = { get: () => { try { return localStorage.getItem('theme'); } catch { return null; } },
  set: (v) => { try { localStorage.setItem('theme', v); } catch { /* lasts as long as the page */ } } };
if (stored.get()) root.dataset.theme = stored.get();
document.getElementById('theme').addEventListener('click', () => {
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
  stored.set(root.dataset.theme);
});

// Links to headings.
for (const h of document.querySelectorAll('main :is(h2, h3, h4)[id]')) {
  const a = Object.assign(document.createElement('a'), { className: 'here', href: '#' + h.id, textContent: '#' });
  a.setAttribute('aria-label', '#' + h.id);
  h.append(a);
}

// matches returns the passages that hold all words, the best first: words in headings count more than those in texts. Words
// are found anywhere, also within others, because Chinese has no blanks between them.
function matches(index, query, most) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const hits = [];
  for (const p of words.length ? index : []) {
    const page = p.p.toLowerCase(), heading = p.h.toLowerCase(), text = p.t.toLowerCase();
    let score = 0;
    const all = words.every((w) => {
      const s = (heading === w ? 40 : 0) + (heading.includes(w) ? 20 : 0) + (page.includes(w) ? 8 : 0) + (text.includes(w) ? 2 : 0);
      score += s;
      return s > 0;
    });
    if (all && text.includes(words.join(' '))) score += 4;
    if (p.u.startsWith('decisions/')) score -= 15; // reasons come after what somebody is to do
    if (all) hits.push({ p, score });
  }
  hits.sort((a, b) => b.score - a.score);
  return { words, hits: hits.slice(0, most).map((h) => h.p) };
}

// marked returns a piece of a text around the first word, with all words marked.
function marked(text, words, length) {
  const lower = text.toLowerCase();
  const first = Math.max(0, Math.min(...words.map((w) => lower.indexOf(w)).filter((i) => i >= 0).concat(text.length)));
  const from = first < text.length ? Math.max(0, first - 40) : 0;
  const piece = (from > 0 ? '…' : '') + text.slice(from, from + length);
  const out = document.createDocumentFragment();
  const pattern = new RegExp('(' + words.map((w) => w.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|') + ')', 'gi');
  piece.split(pattern).forEach((part, i) => {
    const node = i % 2 ? document.createElement('mark') : document.createTextNode('');
    node.textContent = part;
    out.append(node);
  });
  return out;
}

const box = document.getElementById('search'), found = document.getElementById('found');
const { root: base, index, nothing } = document.body.dataset;

// The index is loaded when somebody begins to search.
let loading;
function load() {
  loading ??= new Promise((done, failed) => {
    const script = Object.assign(document.createElement('script'), { src: base + '/' + index, onload: done, onerror: failed });
    document.head.append(script);
  });
  return loading;
}

async function search() {
  await load();
  const { words, hits } = matches(window.searchIndex, box.value, 20);
  found.hidden = words.length === 0;
  found.replaceChildren(...hits.map((p) => {
    const li = document.createElement('li'), a = document.createElement('a');
    const title = document.createElement('strong'), text = document.createElement('small');
    a.href = base + '/' + p.u;
    title.append(marked(p.h === p.p ? p.p : p.p + ' › ' + p.h, words, 200));
    text.append(marked(p.t, words, 160));
    a.append(title, text);
    li.append(a);
    return li;
  }));
  if (words.length && !hits.length) {
    found.append(Object.assign(document.createElement('p'), { textContent: nothing }));
  }
}

box.addEventListener('focus', load);
box.addEventListener('input', search);
document.addEventListener('keydown', (e) => {
  const links = [...found.querySelectorAll('a')], at = links.indexOf(document.activeElement);
  if (e.key === '/' && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) {
    e.preventDefault();
    box.focus();
  } else if (e.key === 'Escape') {
    found.hidden = true;
  } else if (!found.hidden && (e.key === 'ArrowDown' || e.key === 'ArrowUp')) {
    e.preventDefault();
    const next = at + (e.key === 'ArrowDown' ? 1 : -1);
    (links[next] ?? box).focus();
  } else if (e.key === 'Enter' && document.activeElement === box && links.length) {
    links[0].click();
  }
});
document.addEventListener('click', (e) => { if (!e.target.closest('.search')) found.hidden = true; });

// A link such as index.html?q=held opens with what it finds.
const asked = new URLSearchParams(location.search).get('q');
if (asked) {
  box.value = asked;
  search();
}
