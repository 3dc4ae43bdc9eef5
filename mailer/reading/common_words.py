"""Hold the commonest words, endings and letters of the six languages and of their neighbours.

Knows nothing but these tables; what they mean is judged in language.py. A neighbour is here so
that it is not taken for one of the six: Norwegian beside Swedish, Ukrainian beside Russian. Words
that program code is made of too (in, for, if, import) count for no language.
"""

SIX = ("sv", "it", "ro", "ru", "nl", "en")

WORDS = {
    "sv": "och att det som en på är för med till av den har inte om ett jag kan vi men var så"
    " från eller när du ska hur min finns nu mycket efter där här bara också detta vad hej"
    " tack kommer vill mig någon alla denna de han hon honom henne dem dom oss er era vår"
    " vårt våra din ditt mitt mina sin sitt sina deras vem vilken vilket vilka varför vart"
    " ingen inget inga något några mer mest bra dålig ny nya nytt gammal gamla stor stora"
    " liten små första sista andra samma igen redan ännu aldrig alltid ofta ibland kanske"
    " ja nej jo tror tycker vet ser gör gjort göra går gick gå får fick få fått ha hade"
    " haft blir blev bli blivit varit vara skulle kunde måste behöver borde brukar verkar"
    " fungerar funkar skickar skicka skickade skriver skrev skrivit läser läst idag"
    " imorgon igår ikväll inatt måndag tisdag onsdag torsdag fredag lördag söndag vecka"
    " veckan år året möte mötet hälsningar mvh vänliga hjälp hjälpen hjälpa problem"
    " problemet felet fel filen versionen utan under över mellan genom mot hos vid sedan"
    " innan medan eftersom därför dock heller väl ju alltså sådan sådana både varken"
    " antingen själv tillsammans allihop allihopa nästa förra ut upp ner ta tar tog gott"
    " låter testat testade provat använda använder ändra ändrat ligger står hittar hittade"
    " saknas tyvärr gärna precis nedan ovan bifogat bifogar möjligt fråga frågor svar"
    " svarar svara betyder ställa ställer jobbat jobbar ändå enligt varje hela hel dag"
    " dagen medlem medlemmar glöm börja börjar lade la rättade rättat lagt tagit bort lägg"
    " släppa förlåt kolla",
    "it": "di che e la il un a per è non una sono con le da ho si lo ma come se anche gli del"
    " della ha al i più questo mi alla nel dei ci ciao grazie sul quando cosa molto essere"
    " delle tutti solo dal dalla dai dalle nella nei nelle sulla sui agli alle allo degli"
    " dello nello uno io tu lui lei noi voi loro mio mia miei tuo tua suo sua nostro"
    " nostra vostro chi quale quali dove perché perchè quanto già ancora sempre mai forse"
    " sì no bene male meglio nuovo nuova nuove nuovi stesso stessa altro altra altri altre"
    " primo prima dopo poi qui qua lì là ora adesso oggi domani ieri stasera stanotte"
    " lunedì martedì mercoledì giovedì venerdì sabato domenica settimana anno anni ogni"
    " qualche qualcuno qualcosa niente nulla nessuno nessun tutto tutta tutte troppo poco"
    " così quindi però oppure mentre invece senza contro tra fra verso entro fino sotto"
    " sopra siamo siete era erano stato stata stati abbiamo avete hanno aveva fa fare"
    " fatto faccio può posso possono puoi potete possiamo potrebbe vorrei voglio vuole"
    " devo deve dobbiamo bisogna va vado viene vengo andare vedere vedo visto vedi dire"
    " detto sembra penso credo so sai funziona funzionano provato provare mando mandare"
    " inviato scrivere scritto leggere letto trova trovo trovato usare uso usa manca"
    " saluti cordiali buongiorno buonasera salve prego problema problemi errore versione"
    " lista riunione aiuto risposta domanda ecco ottimo lavoro complimenti allora cioè"
    " appena circa quello quella quelli questa queste questi ne vi te me ti ultimo ultima"
    " cui né ed od ad aggiunto aggiunta corretto corretta tolto tolta rimosso rimossa"
    " variabile inutilizzata occhiata posto d'accordo",
    "ro": "de și în la cu nu că o să este pe un din care mai pentru se am ce dar sunt a ai au"
    " fi sau fost cum dacă cel foarte acest mulțumesc bună doar după prin unde ei te le vă"
    " si sa ca daca eu tu el ea noi voi ele mă îmi îți ne mi ți îi îl lui lor meu mea mei"
    " mele tău ta său nostru noastră vostru cine cât câți când cand aici acolo acum azi"
    " astăzi mâine maine ieri diseară luni marți miercuri joi vineri sâmbătă duminică"
    " săptămână săptămâna an anul ani ora tot totul toate toți toată fiecare cineva ceva"
    " nimic nimeni alt altă alte alții nou nouă noua același aceeași aceea aceasta această"
    " acesta aceste acestea asta ăsta astea până pana fără fara între intre peste sub"
    " despre către asupra decât chiar încă inca deja niciodată mereu poate pot poți puteți"
    " putem putea trebuie vreau vrea vrem aș ar ați avem aveți are avea era erau va vor"
    " vei fie suntem sunteți ești fac face făcut merge mers vine vin dau dă dat văd vedem"
    " vezi văzut spune spus știu stiu știe cred pare scrie scris trimit trimis trimite"
    " citit găsit folosesc folosi încerc încercat incercat funcționează salut bine rău"
    " mult multă mulți multe puțin salutări cele rog problema problemă eroare eroarea"
    " versiunea versiune fișier fișierul lista ședința ajutor ajutorul răspuns întrebare"
    " iată bravo felicitări tuturor deci însă totuși așa asa iar nici ori fiindcă"
    " multumesc sunteti aveti vreo vreun niște dintre dintr într printr adăugat corectat"
    " scos verificați verifică arată scuze",
    "nl": "de en het een van is dat ik op te niet met voor zijn die er maar je aan ook om heb"
    " als bij naar wat wel nog kan hoe hallo groeten dit was of we door deze over dan"
    " worden heeft uit geen hij zij ze jij jullie wij ons onze mijn jouw uw u hun hem haar"
    " men wie welke waar waarom wanneer hier daar nu al altijd nooit vaak soms misschien"
    " ja nee goed slecht beter nieuw nieuwe oud oude groot grote klein kleine eerste"
    " laatste andere ander zelfde hetzelfde weer opnieuw alle alles allemaal iedereen"
    " iemand iets niets niemand elke elk veel meer meest weinig zo dus toch echter want"
    " omdat terwijl zodat hoewel zonder tegen tussen onder boven tot sinds tijdens volgens"
    " vanaf vóór na had hadden hebben hebt bent ben waren geweest werd werden wordt zal"
    " zou zullen zouden kunnen kunt kon moet moeten mag wil willen gaat gaan ga ging komt"
    " komen kom doet doen gedaan maakt maken gemaakt staat staan ziet zien gezien zie weet"
    " denk vind lijkt werkt werken geprobeerd probeer proberen stuur sturen gestuurd"
    " schrijf schrijven geschreven lees lezen gebruik gebruiken krijg krijgt vandaag"
    " morgen gisteren vanavond vannacht maandag dinsdag woensdag donderdag vrijdag"
    " zaterdag zondag week jaar bedankt dank dankjewel graag alvast vriendelijke groet hoi"
    " beste probleem fout fouten versie bestand bestanden lijst vergadering hulp vraag"
    " vragen antwoord antwoordt bijgevoegd hieronder hierboven hierbij terug mee heel erg"
    " zeer even eens juist precies helaas volgende vorige mislukt klinkt geef geeft brengt"
    " vergeet doel leden lid zeven uur geleden stel stelt bijgaand zoeken zoekt foto"
    " bijlage toegevoegd hersteld verwijderd ongebruikte variabele akkoord",
    "en": "the and to of a i is that it you on this be have not are but was my at can we your"
    " so do there they will would what all hi thanks me has an he she him her his its us"
    " our their them who which where when why how here now then than been being were had"
    " having does did done doing could should may might must shall about after before"
    " again also always any because between both by each even every few get gets got go"
    " goes going good great just know last like looks look made make makes many more most"
    " much need needs never new no nobody nothing off old only other out over own please"
    " same see seems send sent some somebody someone something soon still sure such take"
    " tested thank think those these through too under until up use used using very want"
    " way well without work works working wrong yes yet hello regards best cheers today"
    " tomorrow yesterday tonight monday tuesday wednesday thursday friday saturday sunday"
    " week year help problem applied fix fixes fixed missing since however instead sounds"
    " agree attached below above meeting question answer idea tried trying try don't"
    " doesn't didn't isn't can't won't i'm i've it's that's you're let's there's wouldn't"
    " remove removed change changes changed add adds added allow avoid handle support"
    " function returns called code line lines file files reviewed signed we're don doesn"
    " didn isn won shouldn couldn haven hasn everybody everyone list mailing anyone"
    " anybody with from into if for or as in while ask brings follow whether either"
    " neither rather congratulations nice meant thanx kudos oops",
    "no": "og jeg ikke det som en på er for med til av den har om et kan vi men var så fra"
    " eller når du skal hvordan min finnes nå veldig etter der her bare også dette hva hei"
    " takk kommer vil meg noen alle denne de han hun ham henne dem oss dere vår vårt våre"
    " din ditt mitt mine sin sitt sine deres hvem hvilken hvilket hvilke hvorfor hvor"
    " ingen intet noe mer mest bra dårlig ny nye nytt gammel gamle stor store liten små"
    " første siste andre samme igjen allerede ennå aldri alltid ofte kanskje ja nei jo"
    " tror synes vet ser gjør gjort gjøre går gikk gå får fikk få fått ha hadde hatt blir"
    " ble bli blitt vært være skulle kunne må burde pleier virker fungerer sender sende"
    " sendte skriver skrev skrevet leser lest dag morgen kveld natt mandag tirsdag onsdag"
    " torsdag fredag lørdag søndag uke uken år året møte møtet hilsen mvh vennlig hjelp"
    " hjelpen problem problemet feilen feil filen versjonen versjon uten under over mellom"
    " gjennom mot hos ved siden før mens fordi derfor heller slik både selv sammen neste"
    " forrige opp ned ta tar tok høres testet prøvd prøve bruke bruker endre ligger står"
    " finner feiler nedenfor mangler dessverre gjerne spør spørre spørsmål svar svarer"
    " husk jobbet i ikveld igår medlem",
    "da": "og jeg ikke det som en på er for med til af den har om et kan vi men var så fra"
    " eller når du skal hvordan min findes nu meget efter der her bare også dette hvad hej"
    " tak kommer vil mig nogen alle denne de han hun ham hende dem os jer vores din dit"
    " mit mine sin sit sine deres hvem hvilken hvilket hvilke hvorfor hvor ingen intet"
    " noget nogle mere mest god godt dårlig ny nye nyt gammel gamle stor store lille små"
    " første sidste andre samme igen allerede endnu aldrig altid ofte måske ja nej jo tror"
    " synes ved ser gør gjort gøre går gik gå får fik få fået have havde haft bliver blev"
    " blive blevet været være skulle kunne må burde plejer virker fungerer sender sende"
    " sendte skriver skrev skrevet læser læst dag morgen aften nat mandag tirsdag onsdag"
    " torsdag fredag lørdag søndag uge ugen år året møde mødet hilsen mvh venlig hjælp"
    " hjælpen problem problemet fejlen fejl filen versionen uden under over mellem gennem"
    " mod hos siden før inden mens fordi derfor heller sådan både selv sammen næste"
    " forrige op ned tage tager tog lyder testede testet prøvet prøve bruge bruger ændre"
    " ligger står finder mangler desværre gerne lige spørg spørge spørgsmål svar svarer"
    " husk arbejde hent fejler nedenfor",
    "de": "der die und ist nicht das ich zu ein es mit den auf für sich auch von dem eine wir"
    " hat aber wie noch oder kann bei wenn nach habe sind wird hallo gruß des einer einem"
    " einen du er sie ihr uns euch mich mir dich dir ihm ihn ihnen mein meine meiner"
    " meinem dein deine sein seine unser unsere euer eure wer welche welcher welches wo"
    " warum wann hier dort da jetzt schon immer nie oft vielleicht ja nein gut gute guten"
    " besser neu neue neuen neuer alt alte groß klein erste ersten letzte andere anderen"
    " gleiche gleiches selbe wieder alle alles allem jemand etwas nichts niemand jede"
    " jeder jedes viel viele mehr so also doch denn weil damit ob obwohl ohne gegen"
    " zwischen unter über vor seit bis während hatte haben hast bin war waren gewesen"
    " wurde wurden werden würde worden können könnte muss müssen soll sollte darf will"
    " wollen geht gehen ging kommt kommen macht machen gemacht steht sieht sehen gesehen"
    " weiß denke finde scheint funktioniert läuft laufen getestet versucht schicke"
    " schicken geschickt schreibe schreiben geschrieben heute morgen gestern abend nacht"
    " montag dienstag mittwoch donnerstag freitag samstag sonntag woche jahr danke vielen"
    " bitte grüße problem fehler datei version liste sitzung hilfe frage fragen antwort"
    " antwortet siehe unten oben beim zum zur im am vom ins keine kein keinen klingt mal"
    " nur liegt stellt man arbeit zusammen",
    "fr": "le la les et de des est un une je que pas pour en dans il vous qui ne sur avec ce"
    " nous mais sont bonjour merci au du cette ou par plus tu elle ils elles on me te se"
    " lui leur leurs mon ma mes ton ta tes son sa ses notre nos votre vos où quand comment"
    " pourquoi quel quelle quels ici là maintenant déjà toujours jamais souvent peut être"
    " peut-être oui non bien mal mieux nouveau nouvelle nouveaux ancien grand petit"
    " premier première dernier dernière autre autres même mêmes encore tout tous toute"
    " toutes quelqu quelque chose rien personne chaque beaucoup trop peu très aussi donc"
    " alors car parce comme si sans contre entre sous chez vers depuis pendant avant après"
    " aux ces cet ça cela ceci suis es sommes êtes était étaient été ai as avons avez ont"
    " avait fait faire fais peux pouvez pouvons dois doit devez faut veux voudrais va vais"
    " vont voir vois vu dire dit semble marche fonctionne essayé essayer envoie envoyer"
    " envoyé écrit écrire lire lu aujourd hui demain hier soir nuit lundi mardi mercredi"
    " jeudi vendredi samedi dimanche semaine année cordialement salut bonsoir problème"
    " erreur fichier version réunion aide réponse question voici voilà trouve aucune aucun"
    " travail moi toi",
    "es": "el la los de que y en un una es no por con para se las lo su al como más pero está"
    " del hola gracias muy si yo este también tú él ella nosotros ellos ellas me te le les"
    " nos mi mis tu tus sus nuestro nuestra quien quién qué cuál dónde donde cuándo cuando"
    " cómo aquí allí ahora ya siempre nunca quizás sí bien mal mejor nuevo nueva nuevos"
    " nuevas viejo grande primero primera último última otro otra otros otras mismo misma"
    " todo todos toda todas alguien algo nada nadie cada mucho mucha muchos muchas poco"
    " tan entonces porque aunque mientras sin contra entre sobre bajo hasta desde durante"
    " antes después esta estos estas eso esa ese esto soy eres somos son era eran fue sido"
    " estoy están estaba he has ha hemos han había hace hacer hecho hago puede puedo"
    " pueden podemos debe debo hay quiero quiere va voy van ir ver veo visto decir dice"
    " parece funciona probado probé probar mando enviar enviado envío escribir escrito"
    " leer hoy mañana ayer noche lunes martes miércoles jueves viernes sábado domingo"
    " semana año años saludos buenos buenas días tardes problema error archivo versión"
    " reunión ayuda respuesta pregunta buen trabajo unos unas ni",
    "pt": "o a os as de que e em um uma é não por com para se do da dos das no na nos nas ao à"
    " às pelo pela mais mas como está olá obrigado obrigada muito eu tu ele ela nós eles"
    " elas você vocês me te lhe meu minha meus teu seu sua seus nosso nossa quem qual onde"
    " quando porque porquê aqui ali agora já sempre nunca talvez sim bem mal melhor novo"
    " nova novos novas velho grande primeiro primeira último outra outro outros mesmo"
    " mesma tudo todo todos toda todas alguém algo nada ninguém cada muita muitos pouco"
    " tão então embora enquanto sem contra entre sobre até desde durante antes depois este"
    " esta estes isso isto esse essa aquele sou és somos são era foi sido estou estão"
    " estava tenho tem têm temos tinha há faz fazer feito faço pode posso podem podemos"
    " deve devo quero quer vai vou vão ir ver vejo visto veja dizer parece funciona testei"
    " tentei tentou tentar mando enviar enviei escrever ler hoje amanhã ontem noite"
    " segunda terça quarta quinta sexta sábado domingo semana ano anos cumprimentos abraço"
    " bom boa dia problema erro ficheiro arquivo versão reunião ajuda resposta pergunta"
    " trabalho foram ou",
    "pl": "i w nie na się z do to że jest jak o co za od po ale przez dla tak czy już tylko są"
    " był było ja ty on ona my wy oni mnie mi mam ma masz mamy cię ci go jej im nas nam"
    " was wam mój moja moje twój nasz nasza kto gdzie kiedy dlaczego jaki jaka tu tutaj"
    " tam teraz zawsze nigdy może dobrze dobra dobry źle lepiej nowy nowa nowe nową stary"
    " duży mały pierwszy ostatni inny ten ta te tego tej tym tych sam samo znowu wszystko"
    " wszystkie wszyscy ktoś coś nic nikt każdy bardzo więcej mało więc bo ponieważ jednak"
    " oraz lub albo bez przy pod nad między u ze we być będzie jestem była były mogę można"
    " możesz muszę trzeba chcę chce idzie robi zrobić działa wygląda sprawdziłem próbował"
    " wysyłam wyślę napisać pisze dzisiaj dziś jutro wczoraj wieczorem poniedziałek wtorek"
    " środę czwartek piątek piątku sobota niedziela rok dziękuję dzięki proszę cześć witam"
    " pozdrawiam problem błąd plik wersja listy spotkanie pomoc odpowiedź pytanie jeśli"
    " gdy żeby aby też także sie sa juz moze wiec poniżej powyżej wyglada",
    "cs": "a v je na se to že s z do o i jak co za od po ale pro tak už jen jsou byl bylo já ty"
    " on ona my vy oni mě mi mám má máš máme tě ti ho jí nás nám vás vám můj moje tvůj náš"
    " kdo kde kdy proč jaký jaká tady tam teď vždy nikdy možná dobře dobrý dobrá lépe nový"
    " nová nové starý velký malý první poslední jiný ten ta tento tato toto stejný znovu"
    " všechno všichni někdo něco nic nikdo každý velmi moc více málo takže protože však"
    " nebo bez při pod nad mezi u ze ve být bude jsem jsi jsme jste byla byly mohu může"
    " můžete musím musí třeba chci chce jde dělá udělat funguje vypadá zkusil vyzkoušel"
    " zkoušel posílám pošlu napsat píše dnes zítra včera večer pondělí úterý středu"
    " čtvrtek pátek pátku sobota neděle rok děkuji díky prosím ahoj den pozdrav problém"
    " chyba chybu soubor verze seznam schůze pomoc odpověď otázka když aby také není"
    " nejsou nemám viz zde níže výše uz jeste take pri",
    "ru": "и в не на что я с как это по но из у то за все всё так же от о мы вы для его при"
    " если был только было есть уже или нет да ещё еще бы мне он она они оно меня мой моя"
    " моё мои нас нам вас вам ваш наш их им ей ему её ее кто где когда почему какой какая"
    " какие здесь там сейчас теперь всегда никогда может можно нужно надо хорошо плохо"
    " лучше новый новая новое новую старый первый последний другой тот та те этот эта эти"
    " того этого этой сам снова опять весь вся кто-то что-то ничего никто каждый очень"
    " более больше мало поэтому потому чтобы хотя однако также тоже без под над между"
    " через после до к ко со во об быть будет буду была были могу могут должен хочу хочет"
    " идёт идет делает сделать работает работают похоже проверил попробовал пробовали"
    " отправил отправлю пришлю написал пишет прочитал сегодня завтра вчера вечером ночью"
    " утром понедельник вторник среду четверг пятница пятницу пятницы субботу воскресенье"
    " неделю год спасибо пожалуйста привет здравствуйте уважением добрый день проблема"
    " ошибка ошибку файл файла версия версию список собрание помощь ответ вопрос вот"
    " смотрите смотри спроси знаю думаю видно вижу который которая которые ли ни чем тем"
    " находится отвечает отличная отлично работа понятия имею доброе утро вечер коллеги"
    " удовольствием нашёл нашел нужен нужна тест добавил добавила исправил исправлена"
    " исправлено убрал выглядит извините нормально проверьте проверь готово согласен"
    " можешь отправить",
    "uk": "і в не на що я з як це по але із у то за все усе так же від о ми ви для його при"
    " якщо був тільки було є вже або ні та ще би мені він вона вони воно мене мій моя моє"
    " мої нас нам вас вам ваш наш їх їм їй йому її хто де коли чому який яка які тут там"
    " зараз тепер завжди ніколи може можна треба потрібно добре погано краще новий нова"
    " нове нову старий перший останній інший той ті цей ця ці того цього цієї сам знову"
    " весь вся хтось щось нічого ніхто кожен дуже більше тому щоб хоча однак також теж без"
    " під над між через після до к зі бути буде буду була були можу можуть повинен хочу"
    " хоче йде робить зробити працює працюють схоже перевірив спробував пробували надіслав"
    " надішлю написав пише прочитав сьогодні завтра вчора ввечері вранці понеділок"
    " вівторок середу четвер п'ятницю суботу неділю тиждень рік дякую спасибі прошу привіт"
    " вітаю повагою добрий день проблема помилка помилку файл версія список збори допомога"
    " відповідь питання ось дивіться знаю думаю бачу чи чудова робота немає маю бо дзякуй"
    " тест додав перевір цяпер што гэта ёсць калі таксама пасля",
    "bg": "и в не на че аз с как това по но от у то за всичко така а ние вие го при ако беше"
    " само е вече или няма да още ми той тя те ме мен моят моя моето моите ни ви ваш наш"
    " им ѝ му кой къде кога защо какъв каква тук там сега винаги никога може можем трябва"
    " добре лошо нов нова ново нови стар първи последен друг другите този тази тези същият"
    " същото отново пак някой нещо нищо никой всеки много повече малко затова защото обаче"
    " също без под над между през след до към със във около бъде ще са съм си сме сте бях"
    " бяха мога могат искам иска върви прави направя работи работят изглежда пробвах"
    " опитах опитахте изпратих пратя писах пише четох днес утре вчера довечера понеделник"
    " вторник сряда четвъртък петък събота неделя седмица година благодаря моля здравей"
    " здравейте поздрави поздрав добър ден проблем проблема грешка грешката файл версия"
    " версията списък среща помощ отговор въпрос ето вижте питай знам мисля виждам който"
    " която което които ли се имам има когато докато като тъй чудесна работа тест"
    " добавих провери хвала сада је су није шта сам смо опет ради благодарам",
    "af": "vir nie die dit is nou weer waar het ons jy julle hulle maar ook om te van dankie"
    " asseblief baie goed kan sal word wees met en ek hy sy my vanoggend hierdie daar moet"
    " wat hoe",
    "et": "ja ei on see et kui ka aga mis siis veel nüüd pärast aitäh tere palun kas oma ta me"
    " ma seda selle olen pole või",
}

# How words end (their last one to five letters), where no word above is met.
ENDINGS = {
    "sv": "ningen ningar heten orna arna ades ligt skt ckor tion tioner ande ende het ning are"
    " ade nas rnas änner igen ället",
    "it": "zione zioni mente ità aggio aggi etto etta ezza ismo ando endo ato ata ati ate uto"
    " ire ere are iamo ano ono gli zza sce isce tto tta ggio",
    "ro": "ului ilor elor ție ția ții ează ește ească esc iile urile ul uri ați ăm ător ăți ii"
    " iei ției ată ărea area irea atea eaza este",
    "nl": "heid heden lijk lijke ingen eren aan aar oor ijk ijn isch ische schap tje tjes jes"
    " eeft oek oen uis uit ijd atie aties end erd eld",
    "en": "ing tion tions ed ly ness ment ments ful less ould ough ight ther able ible ity ies"
    " ers wn ght ck",
    "no": "ingen inger heten ene ert erer elig sjon sjoner else elser ede etøy asjen asjon ighet",
    "da": "ingen inger heden ene ede erede elig else elser tion tioner ninger ighed ejl ejde øgle",
    "de": "ung ungen heit keit lich liche lichen isch ische schen chen sst tät eiten ert ierung"
    " acht icht echt ieren iert tzt pf",
    "fr": "tion tions ment eux euse ique iques aient ais ait eau eaux age ance ence oir oire ée"
    " ées ez elle elles té ère",
    "es": "ción ciones dad mente ando iendo ado ada ados adas ido ida illo illa ero era oso osa"
    " ía ían aba amos emos",
    "pt": "ção ções dade mente ando endo ado ada ados adas ido ida inho inha eiro eira oso osa"
    " ão ões ém agem vel sse em",
    "pl": "ość ości nie nia ych ego emu ymi ami ach owa owy owe ował ała łem łam ić ać cie cji"
    " cja sz cz rz wie eść",
    "cs": "ost osti ní ých ého ému ými ami ách ová ový ové oval ala ěl ět ít át ej te ce ací í ý",
    "ru": "ться тся ого ему ому ыми ый ий ая ое ые ие ую юю ешь ишь ает яет ует ить ать ять еть"
    " ость ости ение ения ция ции ами ями ах ях ии ею ший ил ал ла ли ки ет ят ют",
    "uk": "ться ого ому ими ий ія ії ість ості ення ання ція ції ами ями ити ати іти ує ає є ів ї",
    "bg": "ът ят та то те ция ции ията иите ата ета ане ене ването ваме вам ваш ха хме ости ост ки",
    "af": "êer sie ings",
    "et": "ust ast ist ud ab",
}

# Letters that only some of these languages write.
LETTERS = {
    "sv": "å ä ö",
    "it": "è à ò ù ì é",
    "ro": "ă ș ț ş ţ â î",
    "nl": "ë ï",
    "no": "å ø æ",
    "da": "å ø æ",
    "de": "ä ö ü ß",
    "fr": "é è ê à ç ù û î ô œ â ë ï",
    "es": "ñ á é í ó ú",
    "pt": "ã õ ç á é í ó ú â ê ô à",
    "pl": "ł ą ę ś ć ź ż ń ó",
    "cs": "ř ě ů š č ž ý á í é ú ň ť ď",
    "ru": "ы э ё",
    "uk": "і ї є ґ",
    "et": "õ ä ö ü",
}
