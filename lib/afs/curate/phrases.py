# ruff: noqa: RUF001, SIM905
"""What languages say and how they punctuate: the data of the signals, in their order."""

from __future__ import annotations

import re

# --- scripts ----------------------------------------------------------------------------------------

# Chinese and Japanese set no spaces. Korean does, but its words change their ends.
HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
PAIRED = HAN + "\uac00-\ud7af"

# --- substance: tasks that a word or two may answer, tasks that take some room, and questions ---------

SHORT_TASK = re.compile(
    r"\b(?:classify|label|choose|translate|extract|convert|calculate|solve|yes or no|true or false|one word"
    r"|one line|answer with)\b|翻译|翻訳"
)
LONG_TASK = re.compile(
    r"\b(?:explain|describe|write|implement|compare|discuss|summari[sz]e|list|why|plan|design|review"
    r"|refactor"
    r"|create|essay|steps?|overview|introduction|guide|tips|ideas|checklist|instructions|walk me through"
    r"|tell me"
    r"|(?:should i|do i) (?:begin|start)|get started|know about|things to (?:know|remember|do)|suggest"
    r"|brainstorm|story|poem|e?-?mail|letter|article"
    r"|report|how (?!many|much|old|far|long|often|tall|big)|erkl\w+|schreib\w*|warum|explique\w*"
    r"|pourquoi|escrib\w+|explica\w*)\b|解释|说明|写|为什么|如何|怎么|説明|書い|なぜ|설명"
)
QUESTION_WORDS = frozenset(
    "which who whose when where what is are does how name yes no thanks thank short briefly".split()
)
# One of these words stands in every text that the pattern finds; texts that are not ASCII are always tried.
SHORT_HINTS = frozenset(
    "classify label choose translate extract convert calculate solve yes true one answer".split()
)
LONG_HINTS = frozenset(
    (
        "explain describe write implement compare discuss summarize summarise list why plan design"
        " review refactor"
        " create essay step steps overview introduction guide tips ideas checklist instructions walk"
        " tell begin start"
        " started know remember do suggest brainstorm story poem email e mail letter article report how"
        " erkläre"
        " schreibe schreib schreiben warum explique pourquoi escribe explica"
    ).split()
)
TERSE_HINTS = frozenset("word words line yes true title headline name classify label sentence".split())
CODE_HINTS = frozenset(
    (
        "function class sql script regex generator python javascript typescript java rust c bash shell"
        " json toml yaml"
        " html css query"
    ).split()
)
# A word or a line is wanted, not more.
TERSE = re.compile(
    r"\b(?:(?:one|single|two|few) words?|one line|yes or no|true or false|(?:give|write|suggest"
    r"|generate) .{0,20}\b(?:title|headline|name)"
    r"|classify|label|one sentence|single sentence)\b"
)
# What can be answered with code only, and with a number only.
CODE_TASK = re.compile(
    r"\b(?:write|implement|give|show|create|code)\b.{0,40}\b(?:function|class|sql|script|regex|generator"
    r"|python|javascript"
    r"|typescript|java|rust|c\+\+|bash|shell|json|toml|yaml|html|css|query)\b"
)
ARITHMETIC = re.compile(r"\d\s*[-+*/\u00d7\u00f7^]\s*\d|\bhow (?:many|much) is \d")

# --- relevance: what questions are made of, whatever they are about ----------------------------------

NO_TERMS = frozenset(
    (
        "about above after again all also and another any answer anything are around ask because been"
        " before"
        " being below between both but can cannot come could did does doing done each even every explain"
        " find"
        " first for from get give goes going good had has have help her here him his how however into its"
        " just kind know less let like list look made make many may maybe mean might more most much must"
        " name"
        " need new not now off okay one only other our out over own please provide put question rather"
        " really"
        " right said same say see shall she should show since some something such sure take tell than thank"
        " thanks that the their them then there these they thing things this those through too two use used"
        " using very want was way well were what when where whether which while who why will with without"
        " work would write yes yet you your text texts sentence sentences title paragraph passage"
        " following given"
        " summarise summarize summary rewrite classify sentiment quote important most list tips ideas"
        " advice steps"
        " step practical question questions works working overview introduction short describe role main"
        " und der die das ist nicht ein eine mit für auf wie les des une"
        " est que pour dans los las del por para con como qué"
    ).split()
)

# --- completeness -----------------------------------------------------------------------------------

ENDS = tuple(".!?。！？।؟።։…;；")
ELLIPSIS = "…"
COLONS = ":："
CLOSERS = "\"'`*_)]}>»”’」』】）〉》~"
# No text ends with these: they announce more.
DANGLING_MARKS = ",，、([{（「『【=+&\\<–—→"
PAIRS = ("()", "[]", "{}", "（）", "「」", "『』", "【】", "“”", "«»")
SIGN_OFFS = ",，、"  # "Yours,"
ITEM = re.compile(r"(?:[-*+•–]|\d{1,3}[.)]|[a-zA-Z][.)])(?:\s+|$)")
NEVER_LAST = frozenset(
    (
        "the a an and or but nor of to with for from by as at into onto that which who whose because if"
        " than"
        " while when where is are was were be been has have had will would should can could may might must"
        " this these those its their your our my his her not very such both either neither between through"
        " during about over under using via per each every no any some then also only more most so we"
        " you he"
        " she they i it in on since what how why und oder der die das ein eine den dem mit für von zu et"
        " ou le la les un une des du de"
        " pour avec que el los las una y o con por para"
    ).split()
)
# Some of them do end items, titles and wrapped lines ("log in with", "what it is").
SOMETIMES_LAST = frozenset(
    (
        "in on since what how why up out off it is are not to for with by from about over under through"
        " that be been can could"
        " would should will may might has have had was were each every any some then also only more most so"
        " no we you he she they i o y"
    ).split()
)

# Two letters that stand within words at least three times as often as at their ends. Source: counted in the
# texts that damage.py names.
UNENDED = frozenset(
    (
        "ab ac ae aq av aw bi bl bp br cc cl co cr dc dg dh dj dl dm dz eb ec eo eq eu fa fe fi fl fm fo"
        " fr fu gf gg gi gk gm gr gu ha hi hn ho hu hv ij im io iq jo js jz kc kk kl kn kw lc lm lu lv lw"
        " mb mi mj mp mu nj nl nm nr nz oa ob oc oe oh oo pa pc pd pl po pr qu rh rp rq rr rw sc sd sj sl"
        " sp sq sr su sw td ti tj tp tr tu tw uc uo vj vl vr wa wh wi wl wp wr wu xa xe xi yc yf yh yo yp"
        " yt zc zi zl"
    ).split()
)

# --- directness: refusals, errors and forms ---------------------------------------------------------

# Nearly every answer has none of these at its head, which is quick to see.
REFUSAL_HINTS = (
    "sorry", "can't", "can’t", "cannot", "can not", "unable", "not able", " ai ", "i won", "apolog",
    "decline", "language model", "comfortable", "error", "no response", "interrupted", "/login", "balance",
    "timed out", "too long", "rate limit", "api key", "lorem", "todo", "tbd", "n/a", "[object", "insert",
    "no content", "placeholder", "抱歉", "对不起", "很遗憾", "我无法", "我不能", "申し訳",
    "lo siento", "désolé", "leider",
)  # fmt: skip
_CANNOT = (
    r"\b(?:i|we)(?: (?:can['’]?t|cannot|can not|won['’]t|will not|am (?:not able|unable) to|must decline"
    r"|(?:do not|don['’]t) feel comfortable)|['’]m (?:not able|unable) to)"
)
REFUSAL = re.compile(
    rf"\W*(?:(?:i['’]?m|i am|we['’]?re|my) (?:\w+ )?(?:sorry|apologi[sz]e|apologies)\b|sorry\b|apologies\b"
    rf"|i apologi[sz]e\b|unfortunately\b)?[^.!?\n]{{0,60}}?{_CANNOT}"
    r"[^.!?\n]{0,30}?\b(?:help|assist|comply|fulfill?|provide|continue|answer|discuss|create|generate"
    r"|support"
    r"|engage|do (?:that|this)|(?:with )?(?:that|this|your) request)\b"
    r"|.{0,80}\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b"
    r"|\W*(?:i['’]m|i am) (?:just |only )?an? (?:ai\b|(?:large )?language model|artificial)"
    r"|.{0,20}(?:抱歉|对不起|很遗憾).{0,20}(?:无法|不能|没有办法)"
    r"|.{0,6}我(?:无法|不能)(?:提供|帮助|回答|协助)"
    r"|.{0,10}申し訳(?:ありません|ございません).{0,40}(?:できません|できかねます|お答え)"
    r"|\W*lo siento,? pero no puedo|\W*(?:je suis )?désolée?,? mais je ne peux|.{0,30}\bleider kann ich",
    re.DOTALL,
)
NO_ANSWER = re.compile(
    r"\W*(?:(?:api error|no response requested|request interrupted|invalid api key|please run /login"
    r"|credit balance is too low|prompt is too long|internal server error|request timed out"
    r"|rate limit|lorem ipsum|object object)\b"
    r"|(?:todo|tbd|n/a|placeholder|no content|insert [\w ]+ here)\W*$)"
)
