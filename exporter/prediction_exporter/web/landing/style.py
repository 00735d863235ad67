"""The page's style sheet. Blue and vermilion are told apart with any kind of sight; a sign stands beside each alarm."""

STYLE = """
:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--ink:#1b2027;--soft:#59636e;--line:#dde1e6;--then:#d3d9e0;
--edge:#8a95a1;--now:#0b5cad;--alarm:#a83200;--wash:#fdf0e9;--quiet:#eceff3;--good:#e6f0fa}
@media(prefers-color-scheme:dark){:root{--page:#0e1216;--card:#161b21;--ink:#e4e9ee;--soft:#9ba7b4;--line:#2a323b;
--then:#3a444f;--edge:#7d8a98;--now:#6fb3ff;--alarm:#ff9d70;--wash:#2c1a11;--quiet:#222931;--good:#14263a}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
overflow-wrap:anywhere}
.page{max-width:76rem;margin:0 auto;padding:1.5rem 1.25rem 3rem}
header{display:flex;flex-wrap:wrap;align-items:baseline;gap:.25rem 1.5rem;margin-bottom:1.25rem}
h1{font-size:1.35rem;margin:0;letter-spacing:-.01em}
h1 small{font-weight:400;font-size:.9rem;color:var(--soft);margin-left:.4rem}
nav{display:flex;gap:1.1rem;margin-left:auto}
a{color:var(--now);text-underline-offset:.15em}
h2{font-size:1.2rem;margin:0;letter-spacing:-.01em}
h3{font-size:1rem;margin:0}
.span{font-weight:400;margin-left:.6rem}
p{margin:0}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:1.25rem 1.4rem;margin-bottom:1.25rem}
.head{display:flex;flex-wrap:wrap;align-items:center;gap:.4rem .8rem;margin-bottom:1rem}
.pill{display:inline-block;
font-size:.82rem;font-weight:600;padding:.1rem .6rem;border-radius:.8rem;background:var(--quiet);color:var(--soft)}
.pill.good{background:var(--good);color:var(--now)}
.pill.bad{background:var(--wash);color:var(--alarm)}
.problem{border-left:4px solid var(--alarm);background:var(--wash);padding:.6rem .9rem;border-radius:4px;margin-bottom:1rem}
.problem b{color:var(--alarm)}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));gap:.85rem 1.5rem;margin:0}
.facts div{min-width:0}
.facts .wide{grid-column:1/-1}
dt{font-size:.8rem;color:var(--soft)}
dd{margin:0}
dd small,.soft{color:var(--soft);font-size:.85rem}
code{font:.88em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
details{margin-top:.55rem}
.facts+details{margin-top:1rem}
summary{cursor:pointer;color:var(--soft);font-size:.9rem}
summary:hover{color:var(--ink)}
details>:not(summary){margin-top:.6rem}
details ul{margin-bottom:0;padding-left:1.2rem;font-size:.9rem}
.version{border-top:1px solid var(--line);margin-top:1.3rem;padding-top:1.2rem}
.figures{display:flex;flex-wrap:wrap;gap:.8rem 2.6rem;margin:.7rem 0 .9rem}
.figures dd{font-size:1.45rem;font-weight:600;line-height:1.25;letter-spacing:-.01em;font-variant-numeric:tabular-nums}
.figures dd b{font-weight:600}
.figures dd small{font-weight:400;letter-spacing:0}
.figures dd.none{font-size:.95rem;font-weight:400;color:var(--soft);padding-top:.3rem}
.over b{color:var(--alarm)}
table{width:100%;border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);font-size:.82rem;padding-bottom:.5rem}
thead th{overflow-wrap:normal;
font-size:.8rem;font-weight:400;color:var(--soft);border-bottom:1px solid var(--line);padding:.3rem .7rem;
text-align:left;vertical-align:bottom}
tbody th{font-weight:600;text-align:left}
tbody th,td{padding:.55rem .7rem;vertical-align:top;border-bottom:1px solid var(--line)}
tbody tr:last-child>*{border-bottom:0}
th:first-child{padding-left:.6rem}
.columns{table-layout:fixed}
.columns .c1{width:24%}.columns .c2{width:12.5rem}.columns .c3{width:9.5rem}
td.r,th.r{text-align:right}
td small,th small{display:block;font-weight:400;font-size:.8rem;line-height:1.35;color:var(--soft)}
tr.bad>th:first-child{box-shadow:inset 3px 0 var(--alarm)}
.over b:before,.tag:before{content:"\\25B2\\2009";font-size:.75em;vertical-align:.08em}
.tag{color:var(--alarm);font-size:.8rem;font-weight:600;margin-right:.5rem;white-space:nowrap}
.zero{color:var(--soft)}
svg{display:block}
.hist{width:100%;height:44px;margin-bottom:.3rem;overflow:visible}
.then{fill:var(--then);stroke:var(--edge);stroke-width:1;vector-effect:non-scaling-stroke}
.now{fill:var(--now)}
.axis{stroke:var(--edge);stroke-width:1;vector-effect:non-scaling-stroke}
.hist rect{fill:transparent}
.hist rect:hover{fill:var(--ink);fill-opacity:.12}
.meter{width:102px;max-width:100%;height:14px;margin:.15rem 0 .05rem -3px}
.track{fill:var(--quiet)}
.value{fill:var(--now)}
.meter.over .value{fill:var(--alarm)}
.limit{stroke:var(--ink);stroke-width:1.5}
.floor{fill:var(--soft)}
.key{display:inline-block;width:.75rem;height:.6rem;margin:0 .3rem 0 .9rem;vertical-align:-.02rem}
.key:first-child{margin-left:0}
.key.then{background:var(--then);border:1px solid var(--edge)}
.key.now{background:var(--now)}
.key.limit{width:0;height:.8rem;border-left:2px solid var(--ink);vertical-align:-.12rem}
.key.floor{width:0;height:0;background:none;border:.3rem solid transparent;border-top:0;border-bottom:.42rem solid var(--soft)}
footer{color:var(--soft);font-size:.82rem}
@media(max-width:46rem){
.page{padding:1rem .75rem 2rem}
nav{margin-left:0}
.card{padding:1rem .95rem}
.facts{grid-template-columns:1fr 1fr;gap:.75rem 1rem}
.models th:nth-child(3),.models td:nth-child(3){display:none}
.models th,.models td{padding-left:.3rem;padding-right:.3rem}
.columns,.columns tbody,.columns caption{display:block}
.columns thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.columns tr{display:grid;grid-template-columns:repeat(6,1fr);gap:.6rem .8rem;padding:.9rem 0 .9rem .7rem;
border-bottom:1px solid var(--line)}
.columns tr.bad{box-shadow:inset 3px 0 var(--alarm)}
.columns tr.bad>th:first-child{box-shadow:none}
.columns tbody th,.columns td{padding:0;border:0;text-align:left}
.columns tbody th{grid-column:1/-1}
.columns td.h{grid-column:span 4}.columns td.p{grid-column:span 2}.columns td.r{grid-column:span 2}
.columns td[data-l]:before{content:attr(data-l);display:block;font-size:.78rem;color:var(--soft)}
}
@media print{body{background:#fff}.card{break-inside:auto}}
"""
