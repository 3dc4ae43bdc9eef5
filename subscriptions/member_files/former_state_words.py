"""Hold the words by which other services call a state, in many languages.

Knows words alone; what they mean for a person is former.py's. Stems are compared with the
beginnings of words, in small letters, as ``former.plain_words`` makes them.
"""

import re


def _stems(text: str) -> re.Pattern[str]:
    """Return a pattern for words that begin so; a stem with "$" is the whole word."""
    stems = "|".join(stem.replace("$", r"(?!\w)") for stem in text.split())
    return re.compile(rf"(?<!\w)(?:{stems})")


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split("|"))


# By former.Standing, each with its stems: sv, it, ro, ru, nl, en, de, fr, es, pt. A "~" is a blank.
BAD = {
    kind: re.compile(_stems(text).pattern.replace("~", " "))
    for kind, text in {
        "left": "unsub un~subscri de~subscri optout opt~out opted~out left$ leaver removed deleted"
        " departed resigned deceased avliden återkall indrag decedat overleden ingetrokken"
        " verstorben décédé fallecid falecid умер отозва revocat revocad retiré"
        " withdr revoked churn cancel gone$ terminated erased forgotten"
        " quit$ slutat$ slutade$ avgått utgått gått~ur gick~ur hoppat~av uscito$ uscita$ dimess"
        " plecat"
        " renunț renunt ушла вышла умерла gestopt$ avregistr avprenum avanmäl avslut utträd"
        " utmeld lämnat uppsagd uppsagt borttag raderad"
        " disiscri cancella rimoss elimina recesso"
        " dezabon dezabonat retras părăsit șters sters anulat"
        " отпис удал вышел ушел ушёл покинул"
        " uitgeschr uitschr afgemeld afmeld opgezegd verwijderd vertrokken"
        " abgemeld abmeld ausgetrag austrag gekündig gelöscht ausgetreten widerruf"
        " désabonn desabonn désinscri desinscri supprim désist résili"
        " baja$ bajas$ desuscri anulad borrad"
        " descadast removid excluíd excluid cancelad wypis rezygn avmeld",
        "bounced": "bounc clean undeliver unreach invalid dead$ hardbounce softbounce nonexist"
        " mailer~daemon failed failing mailbox~full error$ errors$"
        " studs rensa rensad oåtkomlig onåbar ogiltig olevererb"
        " rimbalz pulit irraggiung respint non~valid"
        " respins curăț curat$ curați"
        " недостав недоступ очищ отскоч возвращ недейств"
        " onbereik opgeschoond ongeldig gebounc gestuiterd"
        " bereinigt unzustell ungültig unerreich zurückgewies"
        " nettoy injoign rejet inválid inalcan rebot limpi limpo limpa rebatid devuelt devolvid",
        "complained": "spam junk complain abuse klagomål segnalaz жалоб спам пожалов beschwer"
        " klacht plainte queja denunci pourriel skräp reclama",
        "blocked": "block blok blacklist bann ban$ suppress quarantin embargo dnc$ dnm$ donotmail"
        " do~not donot rejected refused declined denied dropped restricted excluded"
        " \\w*spärr svartlist nix$ nixad$ nixat$ avvis nekad bloc bloq bann rifiut respinto refuz"
        " заблок блок черн"
        " чёрн забан отклон geblok geweiger zwarte gesperr abgelehnt verbann refus exclu rechaz"
        " recusad",
        "unconfirmed": "unconfirm unverif unactiv unvalidat pending await invite$ invited waiting"
        " validating requested unapprov needs requires nc$ unsolicit"
        " nonmember non~member"
        " obekräft overifier väntar väntan inbjud inväntar"
        " attesa invitat neconfirm aștept astept"
        " неподтвер ожида приглаш непровер"
        " onbevestig wacht uitgenod"
        " unbestätig ausstehend eingeladen wartend"
        " attente invité pendente pendiente",
        "inactive": "inactiv disab deactiv unsubscriber expired dormant archived suspend nonsub"
        " non~sub transactional bad$ risky$ lapsed non~marketing nonmarketing stopped"
        " sleeping former ended"
        " inaktiv avaktiv avstäng arkiver vilande utgång tidigare"
        " inattiv disattiv disabil sospes scadut archivia"
        " dezactiv suspendat arhivat expirat"
        " неактив отключ деактив архив приостановлен"
        " inactief uitgeschakeld gedeactiv verlopen gearchiv"
        " deaktiv ruhend abgelaufen archiviert ehemalig"
        " désactiv desactiv desativ inativ expir caducad archivad arquivad suspens",
    }.items()
}
PAUSES = _words(
    "paused|nomail|no mail|no email|none|vacation|on vacation|snoozed|on hold|by user|web only"
    "|disabled by user|nomail by user|delivery disabled by user|kein e mail|keine e mails"
    "|pausad|ingen e post|inga mejl|in pausa|sospensione|în pauză|pe pauză|в паузе|пауза"
    "|gepauzeerd|geen e mail|pausiert|en pause|en pausa|pausado|pausada|vakantie|holiday"
)
DIGESTS = _words(
    "digest|daily|weekly|monthly|fortnightly|immediately|instant|daily digest|weekly"
    " digest|mime digests|plaintext digests|summary digests"
    "|mime|plain|plain digest|abridged|abridged email|abridged emails|digest email|digest emails"
    "|digestplain|summary|daily summary|full featured daily digest|html digest|full digest"
)
GOOD = _words(
    "no bounces|no bounce|not bouncing|never bounced|no complaints|never unsubscribed"
    "|active|subscribed|subscriber|confirmed|verified|enabled|ok|good|valid|regular|premium|gifted"
    "|gift|trialed|trialing|free|paid|comp|complimentary|founding|normal|member|members|owner"
    "|manager|moderator|opted in|opt in|optin|double|double opt in|single|single opt in|email"
    "|emails|each email|every email|all email|all|individual|individual messages|mail|yes|approved"
    "|deliverable|marketing|marketing contact|contact|comped|consented|accepted"
    "|joined|express|implied|free signup|on|each|as user|as address"
    "|subscribers|contacts|aktiva|bekräftade|prenumeranter|medlemmar|abbonati|attive|membri|abonați"
    "|activi|active|abonnees|leden|actieve|подписчики|активные|участники|члены|mitglieder|aktive"
    "|abonnenten|abonnés|actifs|membres|suscriptores|activos|miembros|inscritos|ativos|membros"
    "|prenumerant|prenumererar|bekräftad|aktiverad|medlem|godkänd|påmäld|anmäld|ansluten"
    "|iscritto|iscritta|iscritti|attivo|attiva|attivi|confermato|confermata|abilitato|socio|socia"
    "|abonat|abonată|activ|activă|confirmat|confirmată|activat|membru|înscris|inscris"
    "|подписан|подписана|подписчик|активен|активна|активный|подтверждён|подтвержден"
    "|подтверждена|включен|включён|участник|член"
    "|ingeschreven|actief|geabonneerd|abonnee|bevestigd|ingeschakeld|lid|aangemeld"
    "|angemeldet|bestätigt|abonniert|abonnent|aktiv|aktiviert|mitglied|eingetragen|verifiziert"
    "|abonné|abonnée|actif|active|inscrit|inscrite|confirmé|confirmée|activé|membre"
    "|suscrito|suscrita|activo|activa|confirmado|confirmada|socio|miembro|habilitado"
    "|inscrito|inscrita|ativo|ativa|assinante|membro|ativado"
)
# Headings and denials ("not confirmed", "confirmed: no") by what they are about.
YES = {
    "confirmed": _stems(
        "confirmed confirmation$ confirm$ verified verification activated validated bekräftad"
        " bekräftat verifierad confermat conferma$ confirmat подтвержд bevestigd bestätigt"
        " confirmé confirmad"
    ),
    "subscribed": _stems(
        "subscribed subscribe$ is~subscribed opted~in opt~in optin accepts accept$"
        " receives receive$ send~ wants is~subscriber"
        " newsletter$ mailing$ marketing$ prenumererar prenumerant iscritt abonat подписан"
        " ingeschreven geabonneerd angemeldet abonniert abonné suscrit inscri assinante allow"
        " subscription$ prenumeration$ abonnement$ iscrizione$ подписка$ inschrijving$"
        " abonament$ permission$ permitted consent$ consented nyhetsbrev рассылк nieuwsbrief"
    ),
    "active": _stems(
        "active$ enabled is~active mailable deliverable contactable aktiv$ attiv activ$ activă"
        " актив actief actif activo ativo approved"
    ),
}
YES = {kind: re.compile(one.pattern.replace("~", " ")) for kind, one in YES.items()}
STATES = _stems(
    r"\w*status \w*statusen \w*zustand state$ standing$ statut stato$ stare$ starea$ статус"
    " состояние zustand estado situação tila$ tilstand$ stav$ stan$ stanje$ állapot"
    " durum$ frequency$ frekvens"
    " situacao tillstånd toestand läge$ subscription$ subscription~type subscriber~type"
    " subscriber~state contact~type member~type delivery$ delivery~mode email~delivery"
    " mail~delivery email~preference reception$ prenumeration$ abonnement$ iscrizione$"
    " подписка$ inschrijving$ abonament$"
)
STATES = re.compile(STATES.pattern.replace("~", " "))
# Headings behind which a word of a state is somebody's name, a place or a remark.
NAMES = _stems(
    "address adress adres indirizzo dirección endereço адрес adresă"
    " company organi firm employer job title city town street country county phone website url"
    " birth note notes comment remark description bio gender department school church"
    " företag förening bolag ort$ stad$ postort gata land$ anteckn kommentar titel"
    " azienda società ditta città via$ paese note$ commenti"
    " companie firmă oraș stradă țară observ"
    " компания фирма организация город улица страна примеч коммент"
    " bedrijf plaats straat opmerking notitie"
    " firma unternehmen stadt straße bemerkung notiz entreprise société ville rue pays"
    " remarque empresa ciudad calle país nota observa cidade rua"
)
# Headings of columns in which somebody wrote down whatever there was to say.
REMARKS = _stems(
    "note notes comment comments remark remarks memo misc info$ information$ details other$ extra$"
    " history log$ reason column$ unnamed"
    " anteckn kommentar anmärk noter övrigt fritext orsak"
    " note$ commenti commento osserv altro$ varie$ appunti motivo"
    " observ mențiun mentiun altele diverse$ comentar motiv$"
    " примеч коммент прочее$ заметк причина"
    " opmerking notitie toelichting overig$ reden$ bemerk notiz sonstig remarque nota$ notas$"
)
# What makes a question of a remark, beside the words of BAD that name who left or is blocked.
REFUSALS = _stems(
    "bounc undeliver unreach hardbounce unconfirm unverif not~confirmed inactiv disab deactiv"
    " suspend do~not don't dont$ doesn't doesnt~want not~want no~longer want~out wants~out want~off"
    " wants~off taken~off take~off take~him take~her stop$ stopped never~ passed~away died$"
    " no~mail no~email no~more no~thanks not~interested object leaving left$ moved~on"
    " studs obekräft inaktiv avaktiv avstäng lämna vill~inte vill~ej önskar~inte önskar~ej"
    " inga~mejl inga~mail inga~utskick inga~nyhetsbrev inget~utskick inget~nyhetsbrev ej~utskick"
    " ej~mail"
    " ej~mejl ej~nyhetsbrev tackat~nej tackar~nej nej~tack sagt~upp sade~upp död$ slippa ta~bort"
    " tas~bort struken stryk avböj inte~längre bort$"
    " rimbalz irraggiung inattiv disattiv non~vuole non~desidera non~inviare non~scrivere"
    " non~mandare non~confermat ha~lasciato disdett tolto$ tolta$ togliere rimoz rimuov basta$"
    " niente~mail opposizione no~grazie non~più decedut"
    " respins neconfirmat inactiv dezactiv nu~vrea nu~mai nu~dore nu~trimite ieșit iesit scos$"
    " scoasă scoasa fără~mail fara~mail refuz decedat nu~mulțum"
    " недостав неподтвер неактив отключ деактив не~хочет не~хотел не~желает не~писать не~слать"
    " не~отправ не~присыл не~беспок больше~не отказ исключ убрать убрана убран$ не~надо"
    " onbereik gebounc gestuiterd onbevestig inactief gedeactiv wil~niet wil~geen wenst~geen"
    " niet~meer geen~mail geen~e~mail geen~nieuwsbrief geen~post weg$ eruit$ eraf$ verlaten"
    " niet~mailen niet~sturen van~de~lijst nee~bedankt stopgezet"
    " don~t doesn~t didn~t isn~t not~to~be not~be remov closed erasure gdpr no~contact dead$"
    " sa~upp ska~inte skall~inte får~inte får~ej ej~kontakt inte~kontakt inte~ha ej~ha"
    " fungerar~inte fungerar~ej funkar~inte non~funziona non~contatt chius nu~func nu~contact"
    " închis inchis не~работает не~звонить закрыт удалить werkt~niet verwijder niet~contact"
    " afgesloten former~member ex~member not~a~member före~detta tidigare~medlem ex~medlem respint"
    " ex~socio ex~socia ex~membro ex~iscritt uit~lijst uit~de~lijst niks~meer niets~meer komt~terug"
    " oud~lid lid~af возвращ бывш șterg sterg fost~membru fost~membră"
)
REFUSALS = re.compile(REFUSALS.pattern.replace("~", " "))
# Headings that say no to mail, or to all of it.
REFUSED = _words(
    "nix|nix registret|nixregistret|nej|nej tack|nope|no thanks|nee|nein|нет|stop|stopp|stop list"
    "|stoplist|стоп|стоп лист|чс|robinson|robinson list|robinsonlista|robinsonlistan|ej|inte|niet"
    "|weg|bort|basta|no grazie|non|niente|refuz|nu mulțumesc|reservation|bezwaar|opposizione"
)
REFUSING = re.compile(
    r"(?<!\w)(?:inga|ingen|inget|ej|inte|nej till|no|not|don t|geen|niet|non|niente|nessuna?|nu"
    r"|fără|fara|не|без|stop|stoppa|stopp|sluta)(?!\w).{0,30}(?<!\w)(?:e ?mails?|mailings?|e ?post"
    r"|mejl|post|utskick\w*|nyhetsbrev|brev|reklam|newsletters?|marketing|contact\w*|kontakt\w*"
    r"|nieuwsbrie\w*|mailen|sturen|inviare|scrivere|mandare|trimite\w*|scrie\w*|писать|слать"
    r"|отправлять|присылать|рассыл\w*|письм\w*|беспокоить|send\w*)(?!\w)"
)
TAGS = _stems(
    "tags tag$ flags flag$ topics topic$ labels label$ groups group$ segments segment$ lists list$"
    " categories interests"
    " taggar etiketter grupper listor etichette gruppi liste$ etichete grupuri теги метки группы"
    " списки labels groepen lijsten gruppen listen étiquettes groupes etiquetas grupos listas"
)
# The switch of Mailman's that stops mail to a member, and who has turned it.
NOMAIL = re.compile(r"(?<!\w)no ?mail(?!\w)")
NOMAIL_BY = re.compile(r"no ?mail (?:by )?(?:[abu]|admin\w*|bounc\w*|moderator)")  # "nomail [B]"
SWITCHED = {
    "paused": re.compile(r"(?<!\w)(?:u|user|member|self|on|yes|true|1|x|nomail|t|y)(?!\w)"),
    "inactive": re.compile(r"(?<!\w)(?:a|admin|administrator|moderator|owner|unknown|\?)(?!\w)"),
    "bounced": re.compile(r"(?<!\w)(?:b|bounc\w*)(?!\w)"),
}
PREFIXES = re.compile(
    r"^(?:delivery (?:status|mode)|subscription status|member role|status) (?=\w)"
)
CANCELLED = re.compile(r"(?<!\w)(?:cancel\w*|expir\w*|churn\w*|ended|ends)(?!\w)")
# Columns that hold numbers about mails, of another channel than mail, or of what was paid.
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
STATISTICS = re.compile(
    r"(?<!\w)(?:count|counter|score|rate|rating|number|num|total|emails sent|sent|opened|opens"
    r"|open|clicks|clicked|click|received|6mo|30d|7d|last activity|last changed)(?!\w)"
    r"|bouncecount|soft ?bounces?(?!\w)"
)
OTHER_CHANNELS = re.compile(
    r"(?<!\w)(?:sms|whatsapp|transactional|push|phone|call|mobile|viber|telegram)(?!\w)"
)
MONEY = re.compile(
    r"(?<!\w)(?:stripe|plan|paid|premium|payment|payments|tier|tiers|billing|invoice|price|gifted"
    r"|complimentary|active subscription|marital|employment|paying|trial|bestseller)(?!\w)"
)
TIMES = re.compile(
    r"(?<!\w)(?:at|on|date|time|datetime|timestamp|since|day|am|datum|den|il|data|дата|op|le"
    r"|fecha|el|em|um|när)(?!\w)"
)
BESIDES = re.compile(r"(?<!\w)(?:ip|source|method|from|via|url|page|campaign|form|by)(?!\w)")
NEGATIONS = _words(
    "not|no|non|never|un|nicht|kein|keine|nie|ej|inte|icke|aldrig|nu|niet|geen|nooit|не|нет|pas"
    "|jamais|nunca|não|nao|mai|niciodată|longer|isn't|without|ne|sin|sem|senza|utan|ohne|sans|fără"
)
FALSY = _words(
    "|0|0.0|false|no|n|f|nej|nee|nu|net|нет|ні|nein|non|não|nao|none|null|nil|nan|n/a|na"
    "|-|\u2013|\u2014|."
    "|never|falskt|falso|falsa|fals|ложь|onwaar|faux|falsch|off|not set|undefined|[]|{}|ej|aldrig"
    "|mai|niciodată|никогда|nooit|nie|jamais|nunca|no bounce|0000-00-00"
)
TRUTHY = _words(
    "1|1.0|true|yes|y|t|on|x|ja|j|si|sì|sí|s|да|д|da|oui|o|sim|sant|vero|adevărat|истина|waar"
    "|wahr|vrai|verdadero|verdadeiro|✓|✔|✅|tak|kyllä"
)
# Words of a state beyond doubt, in whatever column they stand alone.
PLAIN = _words(
    "unsubscribed|subscribed|opted out|optout|opt out|bounced|cleaned|blocked|blacklisted"
    "|blocklisted|disabled|deactivated|unconfirmed|not confirmed|inactive|complained|undeliverable"
    "|unreachable|suppressed|banned|unactivated|nonsubscribed|non subscribed|hard bounce|pending"
    "|do not mail|do not email|do not contact|no longer subscribed|wypisany|wypisana"
    "|active|confirmed|enabled|avregistrerad|avanmäld|studsad|spärrad|obekräftad|inaktiv|avslutad"
    "|disiscritto|disiscritta|cancellato|rimbalzato|bloccato|non confermato|inattivo|disattivato"
    "|dezabonat|dezabonată|respins|blocat|neconfirmat|inactiv|dezactivat|отписан|отписана"
    "|отписался|отписалась|заблокирован|неподтверждён|неподтвержден|не подтвержден|неактивен"
    "|недоступен|отключен|uitgeschreven|afgemeld|gebounced|geblokkeerd|onbevestigd|inactief"
    "|abgemeldet|ausgetragen|gesperrt|blockiert|unbestätigt|nicht bestätigt|unzustellbar"
    "|désabonné|désabonnée|désinscrit|bloqué|non confirmé|dado de baja|bloqueado|no confirmado"
    "|rebotado|descadastrado|não confirmado|inativo|inactivo|inactif|désactivé"
)
MIXED = re.compile(r"(?<!\w)(?:and|och|e|și|si|и|en|und|et|y|all|alla|subscribed|active)(?!\w)")
