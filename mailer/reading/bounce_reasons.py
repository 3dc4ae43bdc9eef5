"""Read why a server refused, from its line of text and its status.

Knows phrases and codes of SMTP (RFC 5321, 3463, 5248, 7372), nothing of messages. What a
refusal says outweighs its number: many servers say 5.1.1 for spam and 5.7.1 for unknown users.
Content and policy are asked first, so that a refusal of what we wrote is never taken for the
death of an address.
"""

import re
from enum import StrEnum

MAX_TEXT = 4000  # characters that are looked at


class BounceKind(StrEnum):
    """Say what came back."""

    DEAD = "dead"  # no such user or host, moved, closed
    FULL = "full"
    POLICY = "policy"  # authentication, reputation, blocked, relaying
    CONTENT = "content"  # spam, virus, size, refused content
    TEMPORARY = "temporary"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto-reply"
    NONE = "none"


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.IGNORECASE)


_WHO = r"(?:e-?mail |mail ?|local |the |this |that )*(?:user|recipient|mailbox|account|address|addressee)"
# The same in the languages of our readers' providers (ru, sv, it, ro, nl, and de, fr). What is
# said of a sender goes before what is said of an address.
_SENDER_ABROAD = (
    r"отправител\w*.{0,40}(?:не |нет|неизвестн|запрещ|отклон|заблок)",
    r"avsändar\w*.{0,40}(?:finns inte|okänd|avvis|nek|blocker|spärr|saknas|hittades)",
    r"mittente.{0,40}(?:sconosciut|inesistent|non |rifiutat|bloccat)",
    r"expeditor\w*.{0,40}(?:necunoscut|inexistent|nu |refuzat|blocat)",
    r"afzender.{0,40}(?:onbekend|niet|geweigerd|geblokkeerd)",
    r"absender\w*.{0,40}(?:unbekannt|nicht|gesperrt|abgelehnt)",
    r"expéditeur.{0,40}(?:inconnu|inexistant|n'est pas|refus|bloqu)",
)
_UNKNOWN_ABROAD = (
    r"(?:пользовател|получател|адресат|ящик|аккаунт)\w*(?: \S+){0,2} не (?:найден|существует|зарегистрир)",
    r"(?:нет такого|такого) (?:пользовател|получател|ящик|адрес)|ящик\w* (?:удал[её]н|закрыт)",
    r"(?:неизвестн|несуществующ)\w+ (?:пользовател|получател|адрес|ящик)",
    r"okänd (?:mottagare|användare|adress)",
    (
        r"\b(?:mottagar|användar|adress|brevlåd|postlåd|konto)\w*(?: \S+){0,2} "
        r"(?:finns inte|är okänd|saknas|existerar inte|hittades inte|är (?:stäng|avslut|borttag))"
    ),
    (
        r"\b(?:utente|destinatario|casella|indirizzo(?! ip)|account)(?: \S+){0,4} "
        r"(?:sconosciut[oa]|inesistente|non (?:esiste|trovat|valid)|chius[oa])"
    ),
    (
        r"\b(?:utilizator|destinatar|c[ăa]su[țţt]|cuti[ae]|adres[aă]|cont)\w*(?: \S+){0,3} "
        r"(?:necunoscut|inexistent|nu (?:mai )?exist[ăa]|nu a fost g[ăa]sit)"
    ),
    r"onbekende (?:gebruiker|ontvanger|mailbox|postbus)",
    (
        r"\b(?:gebruiker|ontvanger|mailbox|postbus|account|e-?mailadres)(?: \S+){0,2} "
        r"(?:onbekend|bestaat niet|niet (?:gevonden|bekend)|opgeheven)"
    ),
    r"unbekannte\w* (?:benutzer|empfänger|nutzer|adressat)",
    (
        r"\b(?:benutzer|empfänger|postfach|mailkonto|empfängeradresse)(?: \S+){0,3} "
        r"(?:unbekannt|existiert nicht|nicht (?:gefunden|bekannt|vorhanden))"
    ),
    (
        r"\b(?:utilisateur|destinataire|boîte|compte)(?: \S+){0,4} "
        r"(?:inconnu|inexistant|n'existe p|introuvable)"
    ),
    (
        r"(?:あて先|宛先|宛て先|アドレス|ユーザー?|アカウント|受信者).{0,20}"
        r"(?:存在しません|存在しない|見つかりません|不明です)"
    ),
)
_CONTENT_ABROAD = (
    r"вирус|(?:похож|распозна|классифиц|счита|как|содержит).{0,30}спам|спам-?(?:сообщ|письм)",
    r"skräppost|posta indesiderata|nesolicitat|ongewenste (?:e-?mail|post|reclame)|unerwünschte",
    r"(?:сообщение|письмо) слишком|слишком больш|för stort?\b|troppo grande|prea mare",
    r"te groot|zu groß|trop (?:gros|volumineu)",
)
_POLICY_ABROAD = (
    r"ч[её]рн\w+ списк|заблокирован|отклонен\w* политик|svartlist|blockerad|spärrad",
    r"lista nera|bloccat|non autorizzat|lista neagr|blocat|neautorizat|zwarte lijst",
    r"geblokkeerd|niet toegestaan|gesperrt|nicht (?:erlaubt|autorisiert)|liste noire|bloqué",
)
_FULL_ABROAD = (
    r"переполнен|превышен\w*.{0,20}(?:квот|лимит|объ[её]м)|ящик\w* (?:полон|заполнен)",
    r"(?:brevlåd|inkorg|postlåd)\w*(?: \S+){0,2} full|lagringsutrymme.{0,20}slut",
    r"casella.{0,30}pien[ao]|quota.{0,20}superata|spazio.{0,20}esaurito",
    r"(?:c[ăa]su[țţt]|cuti[ae])\w*.{0,30}plin[ăa]|(?:mailbox|postvak|postbus)(?: is)? vol\b",
    r"postfach(?: \S+){0,3} (?:voll|überfüllt)\b|postfach.{0,12}voll|speicherplatz.{0,20}erschöpft",
    r"(?:boîte|messagerie|espace).{0,50} (?:pleine?|saturée?)\b",
    r"(?:メールボックス|受信箱|容量|ディスク).{0,20}(?:一杯|いっぱい|満杯|超過|超え)",
)
_RULES = (
    (
        BounceKind.POLICY,  # these outweigh the word spam, which servers like to add
        _any(
            r"reputation|\bspf (?:record|check|fail)|hard fail|host blocked|ip (?:source )?blo(?:ck|qu)",
            r"rfc ?5322 compliant|multiple \w+ headers|groups\.google\.com",
            r"(?:domain of )?sender(?: address| domain)?.{0,60}(?:does not exist|unknown|reject)",
            r"not (?:allowed|authori[sz]ed|permitted) to (?:send|relay)|user complaints|rcpthosts",
            *_SENDER_ABROAD,
        ),
    ),
    (
        BounceKind.DEAD,
        _any(
            rf"{_WHO} (?:is )?unknown(?! to spf)", rf"\bunknown {_WHO}", r"recipient_?not_?found",
            r"(?:recipient )?address rejected: (?:access denied|user unknown|undeliverable)",
            r"recipient address rejected(?=[\s.]*(?:$|[(\[<]|in reply))",  # and not a word why
            r"domain (?:name )?is not reachable|account or domain may not exist",
            r"\bmx\b.{0,80}no such host",
            r"(?:recipient|user)(?:'s)? (?:account|mailbox) (?:is|has been) blocked",
            r"(?:compte|boîte) du destinataire est bloqu",
            r"user (?:name )?(?:is )?unknown|(?:mailbox|user|account) does(?: not|n't) exist",
            *_UNKNOWN_ABROAD,
        ),
    ),
    (
        BounceKind.CONTENT,
        _any(
            r"\bspam\b(?!haus|cop)", r"\bvirus|\bmalware|infected", r"unsolicited|junk mail|bulk mail",
            r"message (?:size |is )?(?:is )?(?:too (?:big|large)|exceeds)", r"too (?:big|large)\b",
            r"size (?:limit )?exceed|exceed\w* .{0,30}(?:message |maximum )(?:message )?size",
            r"(?:max\w*|fixed) (?:message |mail )?size|message length exceeds|maximum \w+ size",
            r"(?:message|mail) (?:content|body|text) .{0,20}(?:reject|not allowed|refus|violat)",
            r"content (?:reject|not (?:allowed|accept)|restrict|filter)",
            r"(?:prohibited|banned|dangerous|illegal|blocked|forbidden) (?:attachment|content|file)",
            r"attachment.{0,40}(?:not allowed|prohibit|block|reject|not permitted)",
            r"spamsignature|duplicate header|blacklisted url|contains? (?:a )?(?:url|link|suspicious)", r"potential security (?:issue|risk)",
            r"over size limit|message header size", r"improper use of 8-bit data",
            *_CONTENT_ABROAD,
        ),
    ),
    (
        BounceKind.POLICY,
        _any(
            r"\b(?:spf|dkim|dmarc|arc)\b(?!\.)", r"unauthenticated|not authenticated",
            r"authenticat\w+ (?:is )?(?:required|failed|failure|check|information)|sender id",
            r"relay(?:ing)?[ -](?:is )?(?:access |not |denied|prohibit)|not? (?:permit\w+ to )?relay",
            r"(?:cannot|can't|won't|unable to|refus\w+ to) relay|relaying", r"\breputation",
            r"black ?-?list|block ?-?list|deny ?-?list|\brbls?\b|dnsbl|spamhaus|spamcop|blocked",
            r"(?:reverse|ptr|rdns)\b|host ?name lookup|does not resolve|no? .{0,20}dns entry",
            r"banned|access (?:is )?denied|not allowed to (?:send|connect)|denied by (?:policy|admin)",
            r"policy|violat", r"sender (?:address )?(?:was )?(?:reject|denied|refus|verif|not|is not|domain)",
            r"(?:domain of )?sender.{0,30}(?:does not exist|could not|cannot|unknown|reject)",
            r"\b(?:your|from|client|sending) (?:ip|host|server|domain|network|address)\b.{0,60}"
            r"(?:reject|denied|refus|not allowed|poor|bad|unknown|cannot|ban|invalid|listed)",
            r"rate limit|too many (?:connections|messages|recipients|errors|concurrent)",
            r"not authori[sz]ed|unauthori[sz]ed|not permitted|permission denied|administrative",
            r"(?:require|need|must)\w* .{0,20}(?:tls|encrypt|authenticat)|\bhelo\b|\behlo\b.{0,30}invalid",
            r"rfc ?-?(?:2?822|5322|2821|5321)|not compliant|syntactically|malformed|missing .{0,20}header",
            r"closed (?:list|group)|only accepts? (?:mail|messages)|members? of the group",
            r"(?:you|sender).{0,40}(?:not have permission|permission to)|restricted|forbidden",
            r"connection (?:refused|dropped|rejected) .{0,30}(?:abuse|policy)|abus(?:e|ive)",
            *_POLICY_ABROAD,
        ),
    ),
    (
        BounceKind.FULL,
        _any(
            r"(?:mailbox|mail ?box|inbox|folder|quota|account|disk|storage).{0,40}\b(?:is |was )?"
            r"(?:full|exceed|over (?:quota|limit|its|the)|too large|limit)",
            r"over ?-?quota|quota (?:exceeded|full|usage|violat)|exceed\w* .{0,40}(?:quota|storage)",
            r"(?:not enough|insufficient|out of|no) (?:disk |storage |mailbox |system )?(?:space|storage)",
            r"full (?:mail ?box|inbox|folder)|overdrawn|disk ?quota|mailfolder is full|user has too many messages",
            *_FULL_ABROAD,
        ),
    ),
    (
        BounceKind.TEMPORARY,
        _any(
            r"mailbox (?:is )?(?:temporarily |currently )?(?:unavailable|busy|locked)\W+try",
            r"(?:could ?n[o']t|can ?no[t]|can't) create|host (?:is )?not reachable",
            r"temporar(?:y|il)|try (?:it )?again|(?:re)?tried? later|greylist|grey-list",
            r"(?:account|mailbox|user)\W.{0,30}\b(?:expired|on hold|locked|not available)",
        ),
    ),
    (
        BounceKind.DEAD,
        _any(
            rf"(?:unknown|invalid|unrouteable|undeliverable|non-?existent|illegal|bad|no such|incorrect)"
            rf" {_WHO}",
            rf"{_WHO}\b.{{0,80}}(?:\bunknown|not (?:be )?(?:found|known|exist|listed|valid|local|here)|"
            r"does ?n[o']t (?:exist|have)|no longer|unavailable|is invalid|not a valid|un?reachable|"
            r"(?:has )?(?:been )?(?:removed|deleted|closed|terminated|discontinued)|isn't|lookup failed)",
            r"\bno (?:such(?! file| process| device)|mailbox|account|user|recipient)|unknown (?:to address|address|local|host|domain)",
            # Nobody reads there any more (RFC 3463 section 3.3, X.2.1).
            r"(?:account|mailbox|address|user|recipient)(?:\(s\))?\W.{0,60}\b(?:disabled|deactivated|"
            r"inactive|suspended|discontinued)", r"(?:disabled|inactive|suspended|deactivated|"
            r"discontinued) (?:e-?mail |user |mail )?(?:user|mailbox|account|recipient|address|e-?mail)",
            r"user (?:name )?(?:is )?un(?:known|defined)|does(?: not|n't) (?:exist|like recipient|have an?)",
            r"has (?:moved|changed)|moved to|no longer (?:valid|exist|on|works?|with|avail)|left the",
            r"(?:host|domain|name)\b.{0,60}(?:not found|unknown|does not exist|nxdomain|no mx)",
            r"(?:can't|couldn't|could not|cannot) (?:find|be found).{0,40}(?:host|domain|recipient|user)",
            r"nullmx|null mx|does not (?:accept|receive) (?:any )?(?:mail|email)|bad destination",
            r"not (?:a |in )?(?:our |this )?(?:customer|directory|known|local)|recipient ?not ?found",
            r"resolver\.adr\.\w*notfound|unroute?able|no route for|mailbox not found|not our customer",
            r"no valid recipients|invalid final delivery|inactive email|no smtp service|"
            r"no mx (?:record|found)|list of .{0,12}domains|ディレクトリ|"
            r"見つかりません|label (?:is )?(?:empty|too long)|dosn't exist|not exists?\b|no one by that|unable to find|account closed|registered (?:gateway )?user",
        ),
    ),
    (
        BounceKind.TEMPORARY,
        _any(
            r"time(?:d)? ?-?out|too long|expired|delay|connection (?:was )?(?:refused|lost|reset|closed|drop)",
            r"could ?n[o']t (?:be )?connect|unable to connect|no route to host|network|unreachable|"
            r"loop|too many hops|command died|system error|out of memory|internal|resources?|retry|"
            r"on hold|couldn't create|improper sequence|try later|insufficient permission",
        ),
    ),
)  # fmt: skip
# It is the recipient that was refused, at whichever command the sending server noticed.
_ABOUT_RCPT = re.compile(
    r"need rcpt|no valid recipient|recipient address rejected|local recipient table|after rcpt"
    r"|reply to rcpt",
    re.IGNORECASE,
)
_AFTER_DATA = re.compile(
    r"end of data|end of message|reply to (?:end of )?data|after data|>>> data|\(data\)"
    r"|command:? data\b",
    re.IGNORECASE,
)
_ABOUT_US = re.compile(
    r"after mail from|reply to mail from|>>> mail from|sender address|after (?:e|h)e?hlo",
    re.IGNORECASE,
)
_BY_STATUS = (
    (re.compile(r"[45]\.2\.2\Z"), BounceKind.FULL),
    (re.compile(r"[45]\.(?:2\.3|3\.4|6\.\d+)\Z"), BounceKind.CONTENT),
    (re.compile(r"[45]\.(?:7|5)\.\d+\Z"), BounceKind.POLICY),
    (re.compile(r"5\.1\.(?:7|8|9)\Z"), BounceKind.POLICY),  # the sender's address
    (re.compile(r"5\.(?:1\.(?:1|2|3|4|6|10)|4\.4)\Z"), BounceKind.DEAD),
    (re.compile(r"[45]\.\d+\.\d+\Z"), BounceKind.TEMPORARY),
)


def judge(text: str, status: str = "") -> BounceKind:
    """Return why a server refused that said ``text`` with the enhanced ``status``.

    A word that says nothing and no number is temporary: nobody loses an address by a riddle.
    """
    return spoken(text, status) or by_status(status)


def spoken(text: str, status: str = "", stage: str = "") -> BounceKind | None:
    """Return what the words alone say, or None where they say nothing that we know.

    ``stage`` is what the sending server wrote around them: after which command they came.
    """
    said = _in_one_line(text)
    for kind, pattern in _RULES:
        if pattern.search(said):
            around = f"{said} {_in_one_line(stage)}"
            return (_doubted(around, status) if kind is BounceKind.DEAD else None) or kind
    return None


def _doubted(said: str, status: str) -> BounceKind | None:
    """Return what "no such user" means where it cannot mean that, else None."""
    if status == "5.2.0":
        return BounceKind.POLICY  # the mailbox is there, and somebody filters
    if _ABOUT_RCPT.search(said):
        return None
    if _ABOUT_US.search(said):
        return BounceKind.POLICY  # what was refused is the sender, before anybody was named
    if _AFTER_DATA.search(said):
        return BounceKind.POLICY  # an unknown user is known at RCPT: what it read it disliked
    return None


def _in_one_line(text: str) -> str:
    return " ".join(text[:MAX_TEXT].split())


def by_status(status: str) -> BounceKind:
    """Return what an enhanced status code alone says (RFC 3463)."""
    for pattern, kind in _BY_STATUS:
        if pattern.match(status):
            return kind
    return BounceKind.TEMPORARY
