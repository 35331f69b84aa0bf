"""How the page of a run looks: plain CSS, light or dark as the reader's system is."""

STYLE = """
:root { color-scheme: light dark; --line: #8884; --add: #2da44e26; --del: #cf222e22;
  --golden: #bf870055; --finding: #0969da55; --soft: #8882; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1700px; padding: 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin: 0 0 .5rem; }
pre { overflow-x: auto; background: var(--soft); padding: .7rem; border-radius: 6px; }
nav p { margin: .2rem 0; } nav a { margin-right: .6rem; white-space: nowrap; }
section { border-top: 1px solid var(--line); padding: 1.2rem 0; }
.sides { display: grid; grid-template-columns: minmax(0, 3fr) minmax(20rem, 2fr); gap: 1rem; }
@media (max-width: 900px) { .sides { display: block; } }
.diff { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
.diff table { border-collapse: collapse; font: 12px/1.45 ui-monospace, monospace; width: 100%; }
.diff caption, .diff .at td { text-align: left; padding: .3rem .6rem; background: var(--soft); }
.diff caption { font-weight: bold; }
.diff td { padding: 0 .5rem; white-space: pre; }
.diff td.n { text-align: right; opacity: .6; user-select: none; }
.add { background: var(--add); } .del { background: var(--del); }
.golden > td.n { background: var(--golden); opacity: 1; }
.finding > td.s { background: var(--finding); }
tr:target, section:target > h2 { outline: 2px solid #0969da; }
.remark { border: 1px solid var(--line); border-left: 5px solid #888; border-radius: 6px;
  margin: 0 0 .6rem; padding: .4rem .7rem; overflow-wrap: anywhere; }
.remark p { margin: .2rem 0; }
.meta { font-size: .85em; opacity: .8; }
.good { border-left-color: #2da44e; } .bad { border-left-color: #cf222e; }
.half { border-left-color: #bf8700; }
"""
