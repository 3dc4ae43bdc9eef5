"""Know the set phrases of mail programs: who wrote, forwarded, sent from a telephone.

Each pattern is matched against one line of bounded length. Those of Swedish, Italian, Romanian,
Russian, Dutch and English come first in our minds; the others are what their readers receive.
"""

import re

_F = re.IGNORECASE | re.DOTALL

_WROTE = (
    r"(?:wrote|writes|written|said|sent|schrieb|schreef|geschreven|schreibt|[aà] [ée]crit"
    r"|ha scritto|scrive|scrisse|escribi[oó]|escribe|escreveu|skrev(?: f[öo]ljande)?|skriver"
    r"|napisa[lł]\(?a?\)?|napsal\(?a?\)?|написал\(?а?\)?|написала|писал[аи]?|пишет|пише|написав"
    r"|a scris|scris|kirjoitti|[íi]rta|写道|寫道|wrote the following)"
)
_COLON = r"\s*(?:[:：]|-{2,}|…)?\s*"
ATTRIBUTION_END = re.compile(
    rf"(?:^|[\s>,\"'，)])(?:{_WROTE}\s*(?:[:：]|-{{3,}})"
    rf"|(?:schrieb|skrev|schreef)\s.{{0,200}}:|\bum \d\d?:\d\d Uhr:"
    rf"|<[^<>\s]{{1,200}}@[^<>\s]{{1,200}}>:)\s*$",
    _F,
)
_STARTS = (
    r"(?:On|At|In article|Am|Op|Den|D\.|Le|Il|El|Em|Dnia|Dne|În|In data|Pe|În data|W dniu|V|В|Lä"
    r"|Мн|Пн|Вт|Ср|Чт|Пт|Сб|Вс|пн|вт|ср|чт|пт|сб|вс|понедельник|вторник|среда|четверг|пятница"
    r"|суббота|воскресенье|fre|lör|sön|mån|tis|ons|tors|lun|mar|mer|gio|ven|sab|dom|ma|di|wo|do"
    r"|vr|za|zo|joi|vin|sâm|mie|On Mon|\d{1,4}|在)"
)
ATTRIBUTION_START = re.compile(rf"[\s>-]*{_STARTS}[\s.,/-].{{0,120}}\d", _F)
_VERB = re.compile(
    rf"(?:{_WROTE}|(?:schrieb|skrev|schreef)\s.{{0,200}}|\bum \d\d?:\d\d Uhr){_COLON}$", _F
)
_DATED_START = re.compile(rf"[-\s>]*{_STARTS}[\s.,/-].{{0,400}}\d", _F)
_AT = re.compile(r"@|&lt;|\sat\s", _F)
_WHO = re.compile(r"[^<>]{0,120}<?[^\s<>]{1,100}")
_ADDRESSED = re.compile(r"<[^<>\s]{1,200}@[^<>\s]{1,200}>:$", _F)
_SHORT = re.compile(
    r"[^\s.?!].{0,60}\s(?:wrote|writes|skrev|schreef|ha scritto|a scris|пишет"
    r"|писал|написал|schrieb)\s*:\s*$",
    _F,
)
_BRACKET = re.compile(r"<\s{0,3}([^<>\s]{1,200}@[^<>\s]{1,200})\s{0,3}>")
_ADDRESS = re.compile(r"[<(][^<>()\s]{1,200}@[^<>()\s]{1,200}[>)]")
_MOMENT = re.compile(r"(?<!\d)\d\d?[:.h]\d\d(?!\d)|(?<!\d)20\d\d(?!\d)|\d\u5e74")
_TRIED = 5  # addresses in one attribution


def is_attribution(line: str) -> bool:
    """Tell whether ``line`` says who wrote what follows; linear, as one pattern would not be."""
    verb = _VERB.search(line)
    if verb is not None:
        told = line[: verb.start()]
        if _DATED_START.match(told) or _names_somebody(told):
            return True
    addressed = _ADDRESSED.search(line)
    if addressed is not None and _DATED_START.match(line[: addressed.start()]):
        return True
    return _SHORT.match(line.lstrip("-> \t")) is not None


def joins(text: str) -> str:
    """Return an unwrapped attribution without the blanks that wrapping left in its address."""
    return _BRACKET.sub(r"<\1>", text)


def is_addressed(line: str) -> bool:
    """Tell whether ``line`` has a name's address and a date: no language's verb is needed.

    Only for what stands right above a quote: elsewhere somebody may tell of an address.
    """
    return _ADDRESS.search(line) is not None and _MOMENT.search(line) is not None


def _names_somebody(told: str) -> bool:
    """Tell whether a name and an address, and nothing of a sentence, stand before the verb."""
    for tried, sign in enumerate(_AT.finditer(told)):
        if tried == _TRIED:
            break
        after = told[sign.end() :]
        if after and after[0] not in "<>" and _WHO.fullmatch(told[: sign.start()].lstrip("-> \t")):
            return True
    return False


# Gmail once wrote its attribution without a verb.
DATED = re.compile(
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}\s(?:\d{1,2}:\d\d\s)?(?:GMT[+-]\d{1,2}:\d\d\s.{1,100}"
    r"|.{1,100}<\S{0,100}(?:@\S{1,100}>)?:?)\s*$"
)
MARKER = re.compile(
    r"[\s*_>]{0,4}(?:-{2,}|_{2,}|Begin )\s*(?:Original|Ursprungligt|Ursprüngliche|Oorspronkelijk"
    r"|Doorgestuurd|Vidarebefordrat|Messaggio|Mensaje|Mensagem|Message|Mesaj|Исходное|Пересла"
    r"|Пересылаемое|Forwarded|forwarded|Weitergeleitete|Videresendt|Oprindelig|Wiadomo|Alkuper)"
    r".{0,60}",
)
_NAMES = (
    r"From|Sent|To|Cc|Bcc|Subject|Date|Reply-To|Organi[sz]ation"
    r"|Fr[åa]n|Skickat|Till|Kopia|[ÄA]mne|Datum|Svara till"
    r"|Da|Inviato|A|Oggetto|Data|Per conto di|Risposta"
    r"|De la|De|Trimis|Expediat|C[ăa]tre|Subiect|Dat[ăa]|La|R[ăa]spunde"
    r"|От|Отправлено|Кому|Копия|Тема|Дата|От кого"
    r"|Van|Verzonden|Aan|Onderwerp|Verzonden op|Antwoord aan"
    r"|Von|Gesendet|An|Betreff|Antwort an|Envoy[ée]|[ÀA]|Objet|Enviado|Enviada|Para|Asunto|Assunto"
    r"|Fecha|Fra|Sendt|Til|Emne|Dato|Od|Do|Temat|Wys[łl]ano|L[äa]hett[äa]j[äa]|Aihe|Vastaanottaja"
    r"|Від|Надіслано"
)
HEADER = re.compile(rf"[\s*_>]{{0,4}}(?:{_NAMES})\s?[*_]?\s?[:：][*_]?\s", re.IGNORECASE)
SENT_FROM = re.compile(
    r"[\s(<_*]{0,4}(?:"
    r"(?:sent|mail(?:ed)?|written|posted)\s(?:from|via|with|by|using)\s.{1,120}"
    r"|from my (?:i?phone|ipad|ipod|android|mobile|blackberry|samsung|galaxy).{0,80}"
    r"|.{0,40}from mobile\s*$"
    r"|get \[?outlook for.{1,80}|get outlook for.{1,80}"
    r"|(?:hämta|ottieni|ob[țţt]ine[țţt]i|скача(?:ть|йте)|загрузи(?:ть|те)|download) \[?outlook"
    r" (?:för|per|pentru|для|voor).{1,80}|outlook voor .{1,20} downloaden.{0,80}"
    r"|skickat fr[åa]n.{1,80}|sendt fra.{1,80}|inviato da.{1,80}|trimis de pe.{1,80}"
    r"|(?:verzonden|verstuurd) (?:vanaf|met|via|van).{1,80}|отправлено (?:с|из|от).{1,80}"
    r"|envoy[ée] (?:depuis|de|[àa] partir).{1,80}|von meinem .{1,60}gesendet.{0,20}"
    r"|gesendet (?:von|mit).{1,80}|diese nachricht wurde von mein.{1,80}"
    r"|enviado (?:desde|do|a partir).{1,80}|wys[łl]ane z.{1,80}|l[äa]hetetty.{1,60}"
    r"|從我的.{1,40}|发自我的.{1,40}"
    r")\s*$",
    re.IGNORECASE,
)
# What a block of header lines has that quotes a mail: "From: the car park, To: the lake" has none.
DATING = re.compile(
    r"[\s*_>]{0,4}(?:Sent|Subject|Date|Skickat|[ÄA]mne|Datum|Inviato|Oggetto|Data|Trimis|Expediat"
    r"|Subiect|Dat[ăa]|Отправлено|Тема|Дата|Verzonden|Onderwerp|Gesendet|Betreff|Envoy[ée]|Objet"
    r"|Enviad[oa]|Asunto|Assunto|Fecha|Sendt|Emne|Dato|Temat|Wys[łl]ano|L[äa]hetett[äa]|Aihe"
    r"|Надіслано)\b.{0,12}[:：]|.{0,200}@",
    re.IGNORECASE,
)
_DEVICE = re.compile(
    r"phone|pad\b|pod\b|android|mobil|samsung|galaxy|mail|outlook|yahoo|blackberry|huawei|nokia"
    r"|windows|tablet|\bapp\b|thunderbird|xiaomi|pixel|telefon|handy|aol|mutt|k-9|device|mac|surface"
    r"|enhet|apparat|dispozitiv|dispositivo|устройств|телефон|планшет|приложени|почт|toestel",
    re.IGNORECASE,
)
_EXCUSE = re.compile(
    r"gesendet|excus|typo|brevity|brief|forgive|pardon|urs\u00e4kt|scus|errori", re.IGNORECASE
)
_SENTENCE = 8  # words of a line that is one


def is_sent_from(line: str, below: str) -> bool:
    """Tell whether a program added "Sent from my ..."; a person's sentence may begin so too."""
    if not SENT_FROM.match(line):
        return False
    words, device = line.split(), _DEVICE.search(line) is not None
    sentence = len(words) >= _SENTENCE and line.rstrip()[-1:] in ".!?"
    if ": " in line or (sentence and not _EXCUSE.search(line)):
        return False
    return device or not below.strip() or SENT_FROM.match(below) is not None


FOOTER = re.compile(
    r"(?:\S{1,60} mailing list(?:\s|$|\.|--)|To unsubscribe(?:"
    r" from this (?:list|group)|,? (?:send|visit|e?mail))"
    r"|You received this message because you are subscribed|Unsubscribe:? <?(?:https?|mailto):"
    r"|To unsubscribe send an email to)",
    re.IGNORECASE,
)
