# ruff: noqa: E501, RUF001  tables are kept one row a line, in their own characters
"""The words and sentences of which score_samples.py makes questions and answers. Written by hand."""

from __future__ import annotations

# topic: what is said of it. The topic is named by the question; of the rest the question names some.
TOPICS = """
photosynthesis: sunlight, chlorophyll, carbon dioxide, glucose, oxygen, leaves, water
plate tectonics: earthquakes, volcanoes, mantle, continents, faults, ocean ridges
compound interest: savings, principal, annual rate, balance, debt, inflation, deposits
sourdough bread: starter, flour, fermentation, dough, crust, wild yeast, oven
the French Revolution: monarchy, taxes, Bastille, assembly, peasants, Robespierre, bread prices
black holes: gravity, event horizon, stars, singularity, light, accretion disk
vaccines: immune system, antibodies, virus, dose, side effects, booster, infection
chess openings: centre, development, pawns, castling, knights, tempo, king safety
supply and demand: prices, buyers, sellers, surplus, shortage, market, equilibrium
bicycle maintenance: chain, brakes, tyre pressure, derailleur, lubricant, spokes, bearings
machine learning: training data, features, overfitting, loss, gradient, validation set, labels
relational databases: tables, indexes, joins, transactions, primary keys, queries, normalization
HTTP caching: headers, freshness, proxies, validators, max-age, stale responses, browsers
garbage collection: heap, references, pauses, allocation, generations, roots, memory leaks
public key cryptography: signatures, certificates, private keys, encryption, handshakes, prime numbers
container images: layers, registry, base image, entrypoint, volumes, build cache, tags
version control: commits, branches, merges, history, conflicts, remotes, rebasing
unit testing: assertions, fixtures, mocks, coverage, regressions, edge cases, test runner
sleep hygiene: bedtime, caffeine, screens, melatonin, naps, dark room, circadian rhythm
marathon training: mileage, long runs, recovery, carbohydrates, pacing, injuries, hydration
urban gardening: containers, compost, seedlings, drainage, pests, balcony, tomatoes
black and white photography: contrast, shadows, tones, filters, composition, grain, exposure
negotiation: concessions, interests, alternatives, anchors, trust, deadlines, counteroffer
Roman aqueducts: arches, gradient, concrete, reservoirs, fountains, engineers, lead pipes
coral reefs: bleaching, algae, fish, ocean temperature, polyps, acidification, tourism
electric vehicles: batteries, charging stations, range, regenerative braking, motors, emissions
renewable energy: wind turbines, solar panels, storage, grid, subsidies, intermittency
jazz improvisation: scales, chords, rhythm, swing, solos, phrasing, blues
the water cycle: evaporation, clouds, rain, rivers, groundwater, condensation, runoff
remote work: meetings, time zones, communication, isolation, commute, focus, home office
job interviews: resume, questions, salary, preparation, strengths, recruiter, follow-up
budgeting: expenses, income, emergency fund, rent, categories, goals, credit cards
meditation: breathing, attention, stress, posture, practice, wandering thoughts, calm
dog training: treats, commands, leash, patience, rewards, puppies, consistency
Renaissance painting: perspective, patrons, frescoes, Florence, oil paint, portraits, anatomy
the Silk Road: merchants, caravans, silk, spices, oases, empires, plague
tides: moon, gravity, bulges, coastline, spring tides, harbours, rotation
antibiotics: bacteria, resistance, penicillin, prescription, strains, hospitals, infections
earthquake safety: shelter, furniture, aftershocks, emergency kit, gas valve, evacuation
wine tasting: aroma, tannins, acidity, grapes, vintage, oak, finish
search engines: crawlers, ranking, links, keywords, relevance, snippets, spam
operating systems: processes, scheduler, virtual memory, drivers, kernel, interrupts, files
binary search: sorted array, midpoint, comparisons, logarithmic time, bounds, index
recursion: base case, call stack, subproblems, termination, memoization, depth
climate change: greenhouse gases, temperature, glaciers, sea level, emissions, policy, forests
microservices: network calls, deployment, boundaries, monitoring, latency, teams, failures
beekeeping: hives, queen, honey, pollen, swarms, smoker, winter losses
origami: paper, folds, creases, patterns, cranes, symmetry, practice
inflation: central bank, wages, purchasing power, interest rates, consumer prices, expectations
the digestive system: stomach, enzymes, intestines, nutrients, liver, fibre, absorption
""".strip().splitlines()

# Sentences on a topic {t} with things {a} and {b} of it.
SAYINGS = """
{T} starts with {a}, and most of what follows depends on it.
The role of {a} is easy to miss, yet it decides how {b} behaves.
When {a} changes, {b} usually changes with it, although not always at once.
A common mistake is to look only at {a} and to forget {b}.
In practice people watch {a} first, because it is cheaper to measure than {b}.
{T} would not work without {b}; that is why so much care goes into it.
There are exceptions: some cases have no {a} at all and manage well.
Over time, {a} builds up until {b} can no longer keep the balance.
Compared with older ideas, {t} puts more weight on {a} than on {b}.
If you want to see the effect yourself, change {a} a little and look at {b} a week later.
Experts still argue about how far {a} alone explains what happens.
This matters because {b} is hard to repair once it has been damaged.
The first step is to understand {a}; the second is to connect it with {b}.
For beginners it helps to think of {a} as the input and of {b} as the result.
Cost is another factor: good {a} takes time, and {b} is rarely free.
Without enough {a}, everything slows down and small errors grow.
Studies from several countries found the same link between {a} and {b}.
Most textbooks describe {t} in three stages, of which {a} is the longest.
You do not need to master {b} before you begin, but it will come up soon.
Too much {a} can be as harmful as too little.
Finally, keep notes about {b}, since memory is a poor guide here.
It also explains why {a} and {b} are often mentioned together.
Some of this is habit, and some of it follows directly from {a}.
As a rule of thumb, spend twice as long on {a} as on {b}.
""".strip().splitlines()
# Items of lists: with a full stop or without is the writer's habit.
ITEMS = """
Check {a} before anything else
Keep {a} and {b} apart
Write down how {a} changed since last time
Ask someone with experience in {a}
Replace {b} as soon as it shows wear
Limit {a} to what you can control
Tell others how {t} depends on {a}
Learn the basic terms around {b}
Review {a} once a week
Start small and add {b} later
Avoid shortcuts that ignore {a}
Measure {b} twice
Balance {a} against {b}
Plan enough time for {a}
Use {b} only when {a} is in place
Read a good book on {t}, with a chapter on {a}
Find people who care about {t}
Set yourself a goal for {t}, such as better {a}
Remember that {t} takes time
Know what {t} means for {b}
""".strip().splitlines()
CLOSINGS = """
In short, {a} and {b} decide how well it goes.
If anything is unclear, start again from {a}.
With these points in mind, {t} is much less of a mystery.
Let me know if you would like more detail on {b}.
That is all you need to get going with {t}.
""".strip().splitlines()
EXPLAIN = """
Explain how {t} works.
What is {t} and why does {a} matter for it?
Describe the role of {a} in {t}.
Write a short introduction to {t} for a curious teenager.
How does {a} affect {b} in {t}?
Can you tell me more about {t}? I keep hearing about {a}.
Discuss the main ideas behind {t}, especially {a} and {b}.
Why do people say that {a} is the heart of {t}?
I'm new to {t}. Where should I begin?
Give an overview of {t}.
what should i know about {t}
""".strip().splitlines()
LISTS = """
List {n} tips for {t}.
Give me {n} practical ideas about {t}.
What are the most important things to remember about {t}?
Write a checklist for {t} that covers {a}.
Suggest some ways to get better at {t}.
""".strip().splitlines()
STEPS = """
Walk me through {t} step by step.
How do I get started with {t}? Please number the steps.
Give step-by-step instructions for {t}, including {a}.
""".strip().splitlines()
FACTS = """
Which is more important for {t}, {a} or {b}?|{A}.
Name one thing that {t} depends on.|{A}
What comes first in {t}: {a} or {b}?|{A} comes first.
Is {a} part of {t}? Answer yes or no.|Yes
Does {t} involve {a}?|Yes, {a} is one of its central parts.
Give one keyword related to {t}.|{a}
Complete the sentence: {T} depends on|{T} depends on {a} and {b}.
""".strip().splitlines()
PLACES = (
    """
Kenya Nairobi, Norway Oslo, Peru Lima, Japan Tokyo, Egypt Cairo, Chile Santiago, Greece Athens, Ghana Accra,
Canada Ottawa, Cuba Havana, Poland Warsaw, Iran Tehran, Spain Madrid, Italy Rome, Iraq Baghdad, Laos Vientiane
""".replace("\n", " ")
    .strip()
    .split(", ")
)

# Work on a program, as asked of an agent and as told by it.
THINGS = (
    """
export command, login form, retry logic, config loader, date parser, settings page, upload handler, search index,
rate limiter, job queue, websocket client, report generator, cache layer, CSV importer, session store, CLI help,
email template, billing service, image resizer, permission check, release script, metrics endpoint, test runner,
file watcher, markdown renderer, backup task, feature flag, webhook receiver, sidebar menu, log formatter
""".replace("\n", " ")
    .strip()
    .split(", ")
)
WISHES = """
add {x} support to the {thing}
the {thing} crashes when {x} is empty, please fix it
refactor the {thing} so that {x} is handled in one place
why does the {thing} ignore {x}?
write tests for the {thing}, mainly around {x}
Can you make the {thing} log {x} at debug level?
rename {x} in the {thing} and update the docs
the {thing} is slow with a large {x}, find out why
please review the {thing} and tell me what could go wrong with {x}
remove {x} from the {thing}, we do not need it any more
continue
yes please
ok do it, and commit when the tests pass
""".strip().splitlines()
XS = (
    """
timeout, pagination, locale, retries, unicode names, dry-run mode, time zones, null values, symlinks, gzip input,
default port, proxy settings, duplicate rows, empty lines, user id, old tokens, nested folders, dark mode
""".replace("\n", " ")
    .strip()
    .split(", ")
)
DID = """
Added `{f}()` in `{p}` so that {x} is checked before the {thing} starts
Moved the handling of {x} out of `{p}` into its own module
The {thing} now falls back to the default when {x} is missing
`{f}` returns early if there is nothing to do
Updated `{p}` and the two places that call it
New option `--{o}` turns {x} off for the {thing}
Documented {x} in `docs/{s}.md`
Covered {x} by three new cases in `tests/test_{s}.py`
Removed the unused import from `{p}`
Error messages of the {thing} name the file and the line
""".strip().splitlines()
WHY = """
The cause was in `{p}`: `{f}()` assumed that {x} is always set, and the {thing} only checked it later.
I read through `{p}` and found that {x} was parsed twice, once in `{f}()` and once by the {thing} itself.
The {thing} keeps {x} in memory until it exits, which is why it grew with every call of `{f}()`.
Nothing else calls `{f}()`, so the change to {x} stays within the {thing}.
All {n} tests pass, including the new ones for {x}.
I ran the full suite: {n} passed, none failed.
I did not touch the public interface of the {thing}, so callers need no change.
""".strip().splitlines()
OFFERS = """
Want me to cover {x} in the integration tests as well?
If you prefer, I can split this into two commits.
Let me know whether the old behaviour should stay behind a flag.
Should I open a pull request with this, or keep going with the {thing}?
The branch is pushed and ready for review.
Done.
""".strip().splitlines()
HEADINGS = ("What changed", "Summary", "Changes", "Why", "Tests", "Notes", "Next steps", "Verification")

# Python that stands for what people ask for: request and body, {f} {x} {y} are names.
PYTHON = [
    (
        "Write a Python function that returns the {x} with the largest {y}.",
        "def {f}(items):\n    best = None\n    for item in items:\n        if best is None or item.{y} > best.{y}:\n            best = item\n    return best",
    ),
    (
        "Write a Python function that groups {x} records by {y}.",
        "from collections import defaultdict\n\n\ndef {f}(records):\n    groups = defaultdict(list)\n    for record in records:\n        groups[record['{y}']].append(record)\n    return dict(groups)",
    ),
    (
        "Implement a Python class that caches the {y} of each {x}.",
        "class {F}:\n    def __init__(self, load):\n        self._load = load\n        self._{y} = {{}}\n\n    def get(self, {x}):\n        if {x} not in self._{y}:\n            self._{y}[{x}] = self._load({x})\n        return self._{y}[{x}]",
    ),
    (
        "Write Python code that reads {x} rows from a CSV file and sums the {y} column.",
        "import csv\n\n\ndef {f}(path):\n    total = 0.0\n    with open(path, newline='') as file:\n        for row in csv.DictReader(file):\n            total += float(row['{y}'])\n    return total",
    ),
    (
        "Write a Python function that retries a call for a {x} until its {y} is ready.",
        "import time\n\n\ndef {f}(call, attempts=5, delay=0.5):\n    for attempt in range(attempts):\n        {x} = call()\n        if {x}.{y}:\n            return {x}\n        time.sleep(delay * 2**attempt)\n    raise TimeoutError('{y} is not ready')",
    ),
    (
        "Write a Python generator that yields each {x} whose {y} changed.",
        "def {f}(before, after):\n    known = {{item.id: item.{y} for item in before}}\n    for {x} in after:\n        if known.get({x}.id) != {x}.{y}:\n            yield {x}",
    ),
]
NAMES = ["order", "user", "invoice", "sensor", "ticket", "account", "message", "product", "session", "branch"]
FIELDS = ["price", "status", "weight", "region", "owner", "score", "size", "version", "label", "state"]

# Other languages: topics with things, sentences, questions.
FOREIGN = {
    "de": (
        ("die Photosynthese: Sonnenlicht, Kohlendioxid, Zucker", "der Wasserkreislauf: Verdunstung, Wolken, Regen", "die Inflation: Löhne, Preise, Zinsen", "das Schachspiel: Bauern, Türme, Eröffnungen"),
        ("Dabei spielt {a} eine wichtige Rolle, denn ohne {b} geht es nicht.", "Wer {t} verstehen will, sollte zuerst auf {a} achten.", "Mit der Zeit verändert sich auch {b}, wenn {a} zunimmt.", "Das ist nicht immer einfach, aber es lohnt sich, {b} genau zu beobachten.", "In der Praxis wird {a} oft mit {b} verwechselt."),
        ("Erkläre bitte, wie {t} mit {a} zusammenhängt.", "Was ist an {t} so wichtig, und welche Rolle spielt {a}?"),
    ),
    "fr": (
        ("la photosynthèse: la lumière, le sucre, les feuilles", "le cycle de l'eau: les nuages, la pluie, les rivières", "l'inflation: les prix, les salaires, la banque", "le jeu d'échecs: les pions, les tours, le roi"),
        ("Dans ce cas, {a} joue un rôle important avec {b}.", "Pour bien comprendre {t}, il faut d'abord regarder {a}.", "Avec le temps, {b} change aussi quand {a} augmente.", "Ce n'est pas toujours facile, mais il vaut mieux observer {b} de près.", "En pratique, on confond souvent {a} et {b}."),
        ("Explique comment fonctionne {t}, en particulier {a}.", "Pourquoi {t} est-elle importante, et que fait {a} ?"),
    ),
    "es": (
        ("la fotosíntesis: la luz, el azúcar, las hojas", "el ciclo del agua: las nubes, la lluvia, los ríos", "la inflación: los precios, los salarios, el banco", "el ajedrez: los peones, las torres, el rey"),
        ("En este caso, {a} tiene un papel importante junto con {b}.", "Para entender {t}, primero hay que mirar {a}.", "Con el tiempo también cambia {b} cuando aumenta {a}.", "No siempre es fácil, pero conviene observar {b} con cuidado.", "En la práctica se confunde a menudo {a} con {b}."),
        ("Explica cómo funciona {t} y qué hace {a}.", "¿Por qué es importante {t} y cuál es el papel de {a}?"),
    ),
    "ru": (
        ("фотосинтез: солнечный свет, сахар, листья", "круговорот воды: облака, дождь, реки", "инфляция: цены, зарплаты, банк"),
        ("Здесь важную роль играет {a}, потому что без этого {b} не работает.", "Чтобы понять, что такое {t}, нужно сначала посмотреть на {a}.", "Со временем меняется и {b}, когда растёт {a}.", "Это не всегда просто, но лучше внимательно следить за {b}."),
        ("Объясни, что такое {t} и при чём здесь {a}.", "Почему так важно понимать, как устроен {t}?"),
    ),
    "zh": (
        ("光合作用: 阳光, 二氧化碳, 叶绿素", "水循环: 蒸发, 云层, 降雨", "通货膨胀: 物价, 工资, 利率", "机器学习: 训练数据, 模型, 过拟合"),
        ("在{t}中，{a}起着非常重要的作用。", "如果没有{b}，整个过程就无法继续。", "随着时间的推移，{a}会影响{b}的变化。", "很多人容易忽略{b}，但它其实很关键。", "因此，我们应该先了解{a}，再学习{b}。"),
        ("请解释一下{t}，特别是{a}。", "为什么{a}对{t}很重要？"),
    ),
    "ja": (
        ("光合成: 太陽光, 二酸化炭素, 葉緑素", "水の循環: 蒸発, 雲, 雨", "機械学習: 訓練データ, モデル, 過学習"),
        ("{t}では、{a}がとても重要な役割を果たします。", "{b}がなければ、この仕組みは動きません。", "時間がたつと、{a}は{b}にも影響を与えます。", "まず{a}を理解してから、{b}を学ぶとよいでしょう。"),
        ("{t}について、{a}との関係を説明してください。", "なぜ{a}は{t}にとって大切なのですか？"),
    ),
}  # fmt: skip
