"""What may stand between a name and its value: the kinds of operators, at any depth of escapes.

A kind is what contexts.py sets a bar for. They are tried in this order, and the first that matches counts.
"""

from __future__ import annotations

import re

from afs.redact.kinds.contexts import BREAK, COLOUR

QUOTE = rb"(?:\\{0,31}+[\"'`]|&(?:quot|apos|#3[49]);)"
_GAP = rb"(?:[ \t\r\n]|\\{1,31}+[nrt])"
_PAD = rb"(?:[ \t]|" + COLOUR + rb"){0,40}+"
_VALUE = QUOTE + rb"?[Vv]al(?:ue)?" + QUOTE + rb"?" + _PAD + rb"[:=]" + _PAD
# Fields of JSON that may stand between: the type, whether it is sensitive.
_FIELDS = (
    rb"(?:"
    + QUOTE
    + rb"[A-Za-z_]{1,24}"
    + QUOTE
    + rb"[ \t]{0,4}:[ \t]{0,4}(?:"
    + QUOTE
    + rb"[\w.:/ -]{0,120}"
    + QUOTE
    + rb"|[\w.+-]{1,24})[ \t]{0,4},"
    + _GAP
    + rb"{0,40}+){0,4}"
)
_TAGS = rb"(?:t[dhr]|d[td]|b|strong|code|em|i|span|li|p|label|div|kbd)"
_KINDS = {
    # expect "password:", send "x"
    "sent": rb"(?:[:?*]\s?){0,2}"
    + QUOTE
    + rb"[ \t]?\{?"
    + _GAP
    + rb"{1,20}+(?:send|exp_send|sendline)[ \t](?:--[ \t])?",
    # {"name": {"sensitive": true, "value": ..}}
    "inner": rb"[ \t]{0,4}:[ \t]{0,4}\{" + _GAP + rb"{0,40}+" + _FIELDS + _VALUE,
    "assign": _PAD
    + rb"(?:=>|=&gt;|:=|\?=|\|\|=|[=!]==?|\+?=|:(?!:))(?:\*\*|</b>|</strong>)?"
    + _PAD
    + rb"(?:\(?"
    + _GAP
    + rb"{1,40}+(?=\\{0,31}+[\"']))?",
    # ("name", "x"), {"name": .., "value": ..}
    "pair": rb"(?:(?:[ \t]{0,4},)?"
    + _GAP
    + rb"{0,40}+(?:-[ \t])?"
    + _FIELDS
    + rb"|[ \t]{0,120}+(?:\\{1,31}+u2[0-9a-fA-F]{3}|[|\xb7])?"
    + BREAK
    + rb"(?:\\{1,31}+u2[0-9a-fA-F]{3})?[^\r\n\\\"']{0,90}?)"
    + _VALUE,
    "comma": rb"[ \t]{0,4}," + _GAP + rb"{0,40}+",
    # variable "name" { default = "x" }
    "default": rb"[ \t]{0,4}\{[^{}]{0,200}?default[ \t]{0,12}=[ \t]{0,4}",
    # a || "x"
    "else": rb"[ \t]{0,4}(?:\|\||\?\?)[ \t]{0,4}(?=" + QUOTE + rb")",
    # getByLabel("Password").fill("x")
    "fill": rb"\)?\.(?:fill|type|send_keys|sendKeys|set_value|setValue|set|clear_and_type|val)\([ \t]{0,4}",
    # what a form sends in parts
    "part": rb"(?:;[^\n\\]{0,80}?)?[ \t\xb7|]{0,120}+"
    + BREAK
    + rb"(?:[ \t>|#+*\xb7-]{0,120}|[ \w:.|-]{0,40}?)"
    + BREAK
    + rb"(?:\xb7[ \t])?[ \t>|#+*-]{0,20}+(?:\d{1,6}[ \t:|]{1,4})?",
    # -o jsonpath='{.data.password}' and what it prints
    "printed": rb"\}"
    + QUOTE
    + rb"(?:[ ]\|[ ]base64[ ]-{1,2}\w{1,8})?"
    + BREAK
    + rb"(?:[ \t>|#+*-]{0,20}+\d{1,7}[ \t:|]{1,4})?",
    "call": rb"\([ \t]{0,4}",
    "string": rb"(?:</key>)?" + _GAP + rb"{0,40}+<(?:string|data)>",
    "markup": rb"(?:</"
    + _TAGS
    + rb">"
    + _GAP
    + rb"{0,20}+){1,3}(?:<"
    + _TAGS
    + rb"(?:[ ][^<>]{0,60})?>"
    + _GAP
    + rb"{0,20}+){1,3}",
    "tag": rb"(?:[ \t][\w:.-]{1,40}=[^<>\r\n]{0,160})?>",
    "cell": rb"[ \t]{0,40}\|[ \t]{0,40}",
    "said": rb"[ \t]{1,4}(?:is|was|will be|are|set to|ist|war|lautet|est|es|era|reads)[ \t]{1,4}"
    rb"(?:(?:now|still|currently|just|simply|set to|changed to)[ \t])?:?[ \t]{0,4}",
    # Password for bob: x
    "asked": rb"[ \t](?:for|of)[ \t](?:the[ \t])?(?:user[ \t])?\\{0,31}+['\"]?[\w.@\\-]{1,60}"
    rb"\\{0,31}+['\"]?[ \t]{0,2}:[ \t]{0,4}",
    "to": rb"[ \t]to[ \t]{1,4}",
    "dash": rb"[ \t](?:--?|\xb7)[ \t]",  # a dash of any kind
    # secret set NAME --body x
    "opt": rb"(?:[ \t]{1,4}--?[a-z-]{1,30}(?:[ \t=]\w[^\s\"'\\]{0,60})?){0,3}"
    rb"[ \t]{1,4}--?(?:body|value|b|v|secret-string)[ \t=]{1,3}",
    "gap": rb"[ \t]{1,8}",
}
_TYPE = (
    rb"[ \t]{0,4}\??:[ \t]{0,4}&?(?:'\w{1,12}[ \t])?[A-Za-z_][\w.]{0,40}(?:\[[\w., |]{0,60}\])?"
    rb"(?:[ \t]?\|[ \t]?\w{1,20})?"
    rb"(?=[ \t]{0,4}=(?:[ \t]|" + QUOTE + rb"))|[ \t]?\{[ \t]?get;[^{}]{0,30}\}(?=[ \t]{0,4}=)"
    rb"|\[\d{0,5}\](?=[ \t]{0,4}=)|[ \t](?:string|text|n?varchar\(\w{1,5}\)|\[\]byte)(?=[ \t]{0,4}:?=)"
)
TAIL = re.compile(rb"(?:[A-Za-z0-9_\xe0-\xff-]|(?<=e)\\{1,31}+u00f1){0,48}+")
# After the name: what closes it, a type, an operator.
OPERATOR = re.compile(
    COLOUR
    + rb"{0,4}+(?P<shut>(?:"
    + QUOTE
    + rb"?\]?|\]"
    + QUOTE
    + rb")(?:\*{1,2}|</(?:b|strong|code|em)>)?)"
    + COLOUR
    + rb"{0,4}+(?P<type>"
    + _TYPE
    + rb")?(?:"
    + b"|".join(b"(?P<" + kind.encode() + b">" + pattern + b")" for kind, pattern in _KINDS.items())
    + rb")"
    + COLOUR
    + rb"{0,4}+"
)
