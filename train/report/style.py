"""The look of the report: one style sheet, for screens, narrow screens and paper, without anything from a network."""

from __future__ import annotations

CSS = """
:root { --ink: #1f2937; --soft: #4b5563; --line: #e5e7eb; --paper: #ffffff; --wash: #f6f7f9; --accent: #0072b2;
  --warn-ink: #7c2d12; --warn: #fff7ed; --warn-line: #fdba74; color-scheme: light; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; background: var(--wash); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
a { color: #005a8e; }
a:focus-visible, summary:focus-visible { outline: 3px solid #e69f00; outline-offset: 2px; }
.skip { position: absolute; left: -9999px; }
.skip:focus { left: 1rem; top: 1rem; background: var(--paper); padding: .5rem 1rem; z-index: 2; }
header { background: #10293d; color: #f9fafb; padding: 2rem 0 1.6rem; }
header > div, main, footer, nav > ul { max-width: 70rem; margin: 0 auto; }
header > div { padding: 0 1.5rem; }
h1 { margin: 0 0 .3rem; font-size: 1.75rem; line-height: 1.2; overflow-wrap: anywhere; }
header p { margin: 0; color: #cbd5e1; }
.research { display: inline-block; margin-top: .9rem; padding: .25rem .8rem; border: 1px solid #fbbf24;
  border-radius: 999px; color: #fde68a; font-weight: 600; font-size: .9rem; }
nav { background: var(--paper); border-bottom: 1px solid var(--line); position: sticky; top: 0; z-index: 1; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.3rem; list-style: none; padding: .6rem 1.5rem; }
nav a { text-decoration: none; font-size: .93rem; font-weight: 500; }
nav a:hover { text-decoration: underline; }
main { padding: 1.5rem; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 1.3rem 1.6rem 1.5rem;
  margin-bottom: 1.4rem; scroll-margin-top: 3.6rem; }
h2 { margin: 0 0 .7rem; font-size: 1.25rem; }
h3 { margin: 1.4rem 0 .4rem; font-size: 1.02rem; }
p { max-width: 46rem; margin: .4rem 0 .8rem; }
.note { border: 1px solid var(--warn-line); background: var(--warn); color: var(--warn-ink); border-radius: 8px;
  padding: .6rem .9rem; margin: .6rem 0; max-width: none; }
.soft { color: var(--soft); font-size: .92rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .9rem;
  margin: .6rem 0 1.1rem; }
.tile { border: 1px solid var(--line); border-top: 4px solid var(--accent); border-radius: 8px; padding: .7rem .9rem; }
.tile b { display: block; font-size: 1.7rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile span { display: block; color: var(--soft); font-size: .88rem; }
.wide { overflow-x: auto; margin-bottom: 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: .9rem; padding-bottom: .4rem;
  position: sticky; left: 0; max-width: calc(100vw - 6.8rem); }
th, td { text-align: left; padding: .38rem .8rem .38rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { border-bottom: 2px solid #9ca3af; }
tbody th { font-weight: 500; }
td.n, th.n { text-align: right; white-space: nowrap; }
dl { display: grid; grid-template-columns: minmax(9rem, 15rem) 1fr; gap: .3rem 1.2rem; margin: .4rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: 1.2rem; }
figure { margin: 0 0 1rem; max-width: 50rem; }
figure > img { width: 100%; height: auto; display: block; }
figcaption { color: var(--soft); font-size: .9rem; }
.cells { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.2rem, 1fr)); gap: .9rem; }
.cells figure { margin: 0; border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
.cells img { display: block; width: 100%; height: 7.6rem; object-fit: contain; background: #000; }
.cells figcaption { padding: .4rem .6rem .5rem; font-size: .82rem; line-height: 1.4; overflow-wrap: anywhere; }
details > summary { cursor: pointer; padding: .4rem 0; font-weight: 500; color: #005a8e; }
ul.plain { margin: .3rem 0 .8rem; padding-left: 1.2rem; max-width: 46rem; overflow-wrap: anywhere; }
footer { padding: .5rem 1.5rem 2.5rem; color: var(--soft); font-size: .9rem; }
@media (max-width: 40rem) { section { padding: 1rem; } dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } }
@media print {
  body { background: none; font-size: 10.5pt; }
  header { background: none; color: #000; padding: 0 0 .6rem; border-bottom: 2px solid #000; }
  header p, .research { color: #000; } .research { border-color: #000; }
  nav, .skip { display: none; }
  main { padding: .8rem 0; max-width: none; }
  section { border: 0; padding: 0 0 .6rem; margin: 0 0 .6rem; border-radius: 0; }
  h2, h3 { break-after: avoid; } figure, tr, .tile, .note { break-inside: avoid; }
  a { color: inherit; text-decoration: none; }
  header > div { padding: 0; }
  table { font-size: 8pt; } th, td { padding-top: .2rem; padding-bottom: .2rem; } .wide { overflow: visible; }
  .tiles { grid-template-columns: repeat(4, 1fr); } .tile b { font-size: 1.3rem; } .tile span { font-size: 8pt; }
  .plots { grid-template-columns: repeat(3, 1fr); }
}
"""
