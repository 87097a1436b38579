"""Every sentence that POP3 says to people, in each language of LANG (RFC 6856 §3); a new one goes in here.

`%d` stands for a number; each translation has the same ones in the same order, and stays far below the 512 octets
of a reply line. No sentence begins with `[`: that is where response codes stand (RFC 2449 §8).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

LANGUAGES: Final = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "ja": "日本語"}
"""Tag (RFC 5646) and the language's name in itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """One sentence. Compared by identity, so that a reply finds its prepared octets fast."""

    en: str
    de: str
    fr: str
    es: str
    ja: str
    code: str = ""
    """Response code for -ERR: RFC 2449 §8.1, RFC 3206 §4, RFC 6856 §5."""

    def said(self, language: str, *, ascii_only: bool) -> str:
        """The sentence in `language`; `ascii_only` for clients that allowed nothing else (RFC 6856 §2.1)."""
        sentence: str = getattr(self, language)
        if not ascii_only:
            return sentence
        folded = unicodedata.normalize("NFKD", sentence.translate(_IN_ASCII)).encode("ascii", "ignore").decode()
        return self.en if language == "ja" else folded


_IN_ASCII: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "œ": "oe"}
)
"""What German and French write where their letters are missing; other accents are simply left off."""


# -- All is well --------------------------------------------------------------------------------------------

GREETING = Text(
    "Gatepost POP3 is ready",
    "Gatepost POP3 ist bereit",
    "Gatepost POP3 est prêt",
    "Gatepost POP3 está listo",
    "Gatepost POP3 の準備ができました",
)
GOODBYE = Text("goodbye", "auf Wiedersehen", "au revoir", "hasta luego", "さようなら")
SEND_PASSWORD = Text(
    "now send the password with PASS",
    "jetzt bitte das Passwort mit PASS senden",
    "envoyez maintenant le mot de passe avec PASS",
    "ahora envíe la contraseña con PASS",
    "続けて PASS でパスワードを送信してください",
)
WELCOME = Text(
    "you are logged in; messages: %d",
    "Sie sind angemeldet; Nachrichten: %d",
    "vous êtes connecté ; messages : %d",
    "ha iniciado sesión; mensajes: %d",
    "ログインしました。メッセージ数: %d",
)
BEGIN_TLS = Text(
    "begin TLS now",
    "jetzt bitte mit TLS beginnen",
    "commencez TLS maintenant",
    "inicie TLS ahora",
    "TLS を開始してください",
)
UTF8_ON = Text(
    "UTF-8 from here on",
    "ab jetzt gilt UTF-8",
    "UTF-8 à partir d'ici",
    "UTF-8 a partir de ahora",
    "これより UTF-8 を使用します",
)
CAPABILITIES = Text(
    "this is what the server can do",
    "das kann dieser Server",
    "voici ce que sait faire ce serveur",
    "esto es lo que sabe hacer el servidor",
    "このサーバーの機能一覧です",
)
LANGUAGE_LIST = Text(
    "these are the languages",
    "das sind die Sprachen",
    "voici les langues",
    "estos son los idiomas",
    "利用できる言語の一覧です",
)
LANGUAGE_CHANGED = Text(
    "the language is English now",
    "die Sprache ist jetzt Deutsch",
    "la langue est désormais le français",
    "el idioma es ahora el español",
    "言語を日本語に切り替えました",
)
MECHANISM_LIST = Text(
    "these are the mechanisms for AUTH",
    "das sind die Verfahren für AUTH",
    "voici les mécanismes pour AUTH",
    "estos son los mecanismos para AUTH",
    "AUTH で使用できる方式の一覧です",
)
MARKED = Text(
    "message %d will be deleted at QUIT",
    "Nachricht %d wird bei QUIT gelöscht",
    "le message %d sera supprimé lors de QUIT",
    "el mensaje %d se borrará con QUIT",
    "メッセージ %d は QUIT 時に削除されます",
)
UNMARKED = Text(
    "nothing will be deleted; messages: %d",
    "nichts wird gelöscht; Nachrichten: %d",
    "rien ne sera supprimé ; messages : %d",
    "no se borrará nada; mensajes: %d",
    "削除の指定をすべて取り消しました。メッセージ数: %d",
)
STILL_HERE = Text("still here", "noch da", "toujours là", "sigo aquí", "接続中です")
SIZES = Text(
    "messages: %d", "Nachrichten: %d", "messages : %d", "mensajes: %d", "メッセージ数: %d"
)  # fmt: skip
UNIQUE_IDS = Text(
    "the unique-ids follow",
    "es folgen die eindeutigen Kennungen",
    "voici les identifiants uniques",
    "siguen los identificadores únicos",
    "固有 ID の一覧です",
)
OCTETS = Text("octets: %d", "Oktette: %d", "octets : %d", "octetos: %d", "オクテット数: %d")
BEGINNING = Text(
    "the beginning of the message follows",
    "es folgt der Anfang der Nachricht",
    "voici le début du message",
    "sigue el comienzo del mensaje",
    "メッセージの先頭部分です",
)
PURGED = Text(
    "goodbye; messages deleted: %d",
    "auf Wiedersehen; gelöschte Nachrichten: %d",
    "au revoir ; messages supprimés : %d",
    "hasta luego; mensajes borrados: %d",
    "さようなら。削除したメッセージ数: %d",
)
TRASHED = Text(
    "goodbye; messages moved to Trash: %d",
    "auf Wiedersehen; in den Papierkorb (Trash) verschobene Nachrichten: %d",
    "au revoir ; messages déplacés dans la corbeille (Trash) : %d",
    "hasta luego; mensajes movidos a la papelera (Trash): %d",
    "さようなら。ごみ箱 (Trash) に移動したメッセージ数: %d",
)
HELD = Text(
    "goodbye; messages deleted: %d; for %d more days they can be restored",
    "auf Wiedersehen; gelöschte Nachrichten: %d; noch %d Tage lang lassen sie sich wiederherstellen",
    "au revoir ; messages supprimés : %d ; ils peuvent être restaurés pendant %d jours",
    "hasta luego; mensajes borrados: %d; se pueden recuperar durante %d días",
    "さようなら。削除したメッセージ数: %d (あと %d 日間は復元できます)",
)

# -- The line makes no sense --------------------------------------------------------------------------------

UNKNOWN_COMMAND = Text(
    "this is not a POP3 command; CAPA tells what the server can do",
    "das ist kein POP3-Befehl; CAPA zeigt, was der Server kann",
    "ce n'est pas une commande POP3 ; CAPA indique ce que sait faire le serveur",
    "esto no es una orden POP3; CAPA indica lo que sabe hacer el servidor",
    "POP3 のコマンドではありません。使用できる機能は CAPA で確認できます",
)
TOO_LONG = Text(
    "the line is too long: %d octets are the limit",
    "die Zeile ist zu lang: %d Oktette sind die Grenze",
    "la ligne est trop longue : la limite est de %d octets",
    "la línea es demasiado larga: el límite es de %d octetos",
    "行が長すぎます。上限は %d オクテットです",
)
TOO_MUCH_AHEAD = Text(
    "too many commands at once: wait for the answers; goodbye",
    "zu viele Befehle auf einmal: bitte die Antworten abwarten; auf Wiedersehen",
    "trop de commandes à la fois : attendez les réponses ; au revoir",
    "demasiadas órdenes a la vez: espere las respuestas; hasta luego",
    "一度に送られたコマンドが多すぎます。応答をお待ちください。接続を終了します",
)
TOO_MANY_BAD = Text(
    "too many commands that make no sense; goodbye",
    "zu viele unverständliche Befehle; auf Wiedersehen",
    "trop de commandes incompréhensibles ; au revoir",
    "demasiadas órdenes sin sentido; hasta luego",
    "解釈できないコマンドが多すぎるため、接続を終了します",
)
NOT_TEXT = Text(
    "the line must be UTF-8 without control characters",
    "die Zeile muss UTF-8 ohne Steuerzeichen sein",
    "la ligne doit être en UTF-8 sans caractères de contrôle",
    "la línea debe ser UTF-8 sin caracteres de control",
    "行は制御文字を含まない UTF-8 でなければなりません",
)
NO_ARGUMENT = Text(
    "this command takes no argument",
    "dieser Befehl hat kein Argument",
    "cette commande ne prend pas d'argument",
    "esta orden no lleva argumentos",
    "このコマンドに引数は付けられません",
)
NEEDS_NAME = Text(
    "USER needs a name, like USER alice@example.com",
    "USER braucht einen Namen, etwa USER alice@example.com",
    "USER demande un nom, par exemple USER alice@example.com",
    "USER necesita un nombre, por ejemplo USER alice@example.com",
    "USER にはユーザー名が必要です。例: USER alice@example.com",
)
NEEDS_PASSWORD = Text(
    "PASS needs the password behind it",
    "hinter PASS muss das Passwort stehen",
    "PASS doit être suivi du mot de passe",
    "PASS debe ir seguido de la contraseña",
    "PASS の後にパスワードが必要です",
)
NEEDS_NUMBER = Text(
    "one message number is needed, like 1",
    "eine Nachrichtennummer wird gebraucht, etwa 1",
    "il faut un numéro de message, par exemple 1",
    "se necesita un número de mensaje, por ejemplo 1",
    "メッセージ番号を一つ指定してください。例: 1",
)
NEEDS_LINES = Text(
    "TOP needs a message number and a number of lines, like TOP 1 10",
    "TOP braucht eine Nachrichtennummer und eine Zeilenzahl, etwa TOP 1 10",
    "TOP demande un numéro de message et un nombre de lignes, par exemple TOP 1 10",
    "TOP necesita un número de mensaje y un número de líneas, por ejemplo TOP 1 10",
    "TOP にはメッセージ番号と行数が必要です。例: TOP 1 10",
)
NEEDS_LANGUAGE = Text(
    "LANG takes one language tag, like LANG en, or *",
    "LANG braucht ein Sprachkürzel, etwa LANG de, oder *",
    "LANG demande un code de langue, par exemple LANG fr, ou *",
    "LANG lleva un código de idioma, por ejemplo LANG es, o *",
    "LANG には言語タグを一つ、または * を指定してください。例: LANG ja",
)
LANGUAGE_UNKNOWN = Text(
    "that language is not available; LANG alone lists those that are",
    "diese Sprache gibt es hier nicht; LANG allein zeigt die vorhandenen",
    "cette langue n'est pas disponible ; LANG seul affiche celles qui le sont",
    "ese idioma no está disponible; LANG sin argumentos muestra los que hay",
    "その言語は利用できません。LANG だけを送ると一覧を表示します",
)
NOT_BASE64 = Text(
    "that is not base64; AUTH has ended",
    "das ist kein Base64; AUTH ist beendet",
    "ce n'est pas du base64 ; AUTH est terminé",
    "eso no es base64; AUTH ha terminado",
    "base64 ではありません。AUTH を終了しました",
)
MECHANISM_UNKNOWN = Text(
    "that mechanism is not available here; CAPA lists those that are",
    "dieses Verfahren gibt es hier nicht; CAPA zeigt die vorhandenen",
    "ce mécanisme n'est pas disponible ici ; CAPA affiche ceux qui le sont",
    "ese mecanismo no está disponible aquí; CAPA muestra los que hay",
    "その認証方式は利用できません。CAPA で一覧を確認できます",
)
SPEAKS_HTTP = Text(
    "this is a mail server (POP3), not a web server; goodbye",
    "dies ist ein Mailserver (POP3), kein Webserver; auf Wiedersehen",
    "ceci est un serveur de courrier (POP3), pas un serveur web ; au revoir",
    "este es un servidor de correo (POP3), no un servidor web; hasta luego",
    "これはメールサーバー (POP3) であり、ウェブサーバーではありません。接続を終了します",
)
SPEAKS_SMTP = Text(
    "this is a POP3 server, for getting mail; to send mail use port %d; goodbye",
    "dies ist ein POP3-Server, zum Abholen von Mail; zum Senden bitte Port %d verwenden; auf Wiedersehen",
    "ceci est un serveur POP3, pour relever le courrier ; pour en envoyer, utilisez le port %d ; au revoir",
    "este es un servidor POP3, para recibir correo; para enviarlo use el puerto %d; hasta luego",
    "これはメール受信用の POP3 サーバーです。送信にはポート %d を使用してください。接続を終了します",
)
SPEAKS_IMAP = Text(
    "this is a POP3 server; for IMAP use port %d; goodbye",
    "dies ist ein POP3-Server; für IMAP bitte Port %d verwenden; auf Wiedersehen",
    "ceci est un serveur POP3 ; pour IMAP, utilisez le port %d ; au revoir",
    "este es un servidor POP3; para IMAP use el puerto %d; hasta luego",
    "これは POP3 サーバーです。IMAP にはポート %d を使用してください。接続を終了します",
)

# -- Not now, not here --------------------------------------------------------------------------------------

LOG_IN_FIRST = Text(
    "log in first",
    "bitte zuerst anmelden",
    "identifiez-vous d'abord",
    "primero inicie sesión",
    "先にログインしてください",
)
NAME_FIRST = Text(
    "send the name with USER first",
    "bitte zuerst den Namen mit USER senden",
    "envoyez d'abord le nom avec USER",
    "envíe primero el nombre con USER",
    "先に USER でユーザー名を送信してください",
)
ONLY_BEFORE_LOGIN = Text(
    "this is not possible after login",
    "das geht nach der Anmeldung nicht mehr",
    "ce n'est plus possible après l'identification",
    "esto no es posible después de iniciar sesión",
    "ログイン後には実行できません",
)
NOT_ENCRYPTED = Text(
    "this connection is not encrypted, so no password may cross it: use STLS first, or SSL/TLS on port %d",
    "diese Verbindung ist nicht verschlüsselt, darum darf darüber kein Passwort gesendet werden: zuerst STLS verwenden,"
    " oder SSL/TLS auf Port %d",
    "cette connexion n'est pas chiffrée, aucun mot de passe ne doit y passer : utilisez d'abord STLS,"
    " ou SSL/TLS sur le port %d",
    "esta conexión no está cifrada y ninguna contraseña debe pasar por ella: use primero STLS,"
    " o SSL/TLS en el puerto %d",
    "この接続は暗号化されていないため、パスワードを送信できません。先に STLS を使うか、"
    "ポート %d の SSL/TLS で接続してください",
)
TLS_ALREADY = Text(
    "this connection is encrypted already",
    "diese Verbindung ist schon verschlüsselt",
    "cette connexion est déjà chiffrée",
    "esta conexión ya está cifrada",
    "この接続はすでに暗号化されています",
)
TLS_NOT_HERE = Text(
    "there is no TLS on this port: use SSL/TLS on port %d",
    "auf diesem Port gibt es kein TLS: bitte SSL/TLS auf Port %d verwenden",
    "TLS n'est pas disponible sur ce port : utilisez SSL/TLS sur le port %d",
    "en este puerto no hay TLS: use SSL/TLS en el puerto %d",
    "このポートでは TLS を利用できません。ポート %d の SSL/TLS を使用してください",
)
APOP_REFUSED = Text(
    "APOP would need passwords that the server can read: use USER and PASS, or AUTH, over TLS",
    "APOP würde Passwörter verlangen, die der Server lesen kann: bitte USER und PASS oder AUTH über TLS verwenden",
    "APOP exigerait des mots de passe lisibles par le serveur : utilisez USER et PASS, ou AUTH, sur TLS",
    "APOP exigiría contraseñas que el servidor pueda leer: use USER y PASS, o AUTH, sobre TLS",
    "APOP にはサーバーが読み取れるパスワードが必要です。TLS 上で USER と PASS、または AUTH を使用してください",
)
NO_MESSAGE = Text(
    "there is no such message; the last number is %d",
    "diese Nachricht gibt es nicht; die letzte Nummer ist %d",
    "ce message n'existe pas ; le dernier numéro est %d",
    "ese mensaje no existe; el último número es %d",
    "そのメッセージはありません。最後の番号は %d です",
)
IS_MARKED = Text(
    "message %d is marked as deleted; RSET takes that back",
    "Nachricht %d ist als gelöscht markiert; RSET nimmt das zurück",
    "le message %d est marqué comme supprimé ; RSET annule cela",
    "el mensaje %d está marcado como borrado; RSET lo deshace",
    "メッセージ %d は削除対象に指定されています。RSET で取り消せます",
)

# -- No entry -----------------------------------------------------------------------------------------------

LOGIN_FAILED = Text(
    "name or password is wrong; see the account settings of your mail program",
    "Name oder Passwort ist falsch; bitte die Kontoeinstellungen im Mailprogramm prüfen",
    "le nom ou le mot de passe est incorrect ; vérifiez les réglages du compte dans votre logiciel de messagerie",
    "el nombre o la contraseña no son correctos; revise los ajustes de la cuenta en su programa de correo",
    "ユーザー名またはパスワードが違います。メールソフトのアカウント設定を確認してください",
    "AUTH",
)
CERTIFICATE_UNKNOWN = Text(
    "your certificate opens no account here: log in with a password, or ask the administrator",
    "Ihr Zertifikat öffnet hier kein Konto: bitte mit Passwort anmelden oder die Administration fragen",
    "votre certificat n'ouvre aucun compte ici : utilisez un mot de passe ou demandez à l'administrateur",
    "su certificado no abre ninguna cuenta aquí: use una contraseña o pregunte al administrador",
    "この証明書で利用できるアカウントはありません。パスワードでログインするか、管理者に問い合わせてください",
    "AUTH",
)
NOT_FOR_OTHERS = Text(
    "no account may act for another here: leave the authorization identity empty",
    "kein Konto darf hier für ein anderes handeln: bitte die Autorisierungsidentität leer lassen",
    "aucun compte ne peut agir pour un autre ici : laissez l'identité d'autorisation vide",
    "aquí ninguna cuenta puede actuar por otra: deje vacía la identidad de autorización",
    "ほかのアカウントとしてログインすることはできません。認可 ID は空にしてください",
    "AUTH",
)
TOO_MANY_LOGINS = Text(
    "too many logins at once: try again in a minute",
    "zu viele Anmeldungen auf einmal: in einer Minute erneut versuchen",
    "trop d'identifications à la fois : réessayez dans une minute",
    "demasiados inicios de sesión a la vez: vuelva a intentarlo en un minuto",
    "ログインが集中しています。1 分後にもう一度お試しください",
    "SYS/TEMP",
)
AUTH_GIVEN_UP = Text(
    "AUTH was given up",
    "AUTH wurde abgebrochen",
    "AUTH a été abandonné",
    "AUTH se ha cancelado",
    "AUTH は中止されました",
)
ADDRESS_REFUSED = Text(
    "too many failed logins from your IP address: try again in %d seconds",
    "zu viele fehlgeschlagene Anmeldungen von Ihrer IP-Adresse: in %d Sekunden erneut versuchen",
    "trop d'échecs d'identification depuis votre adresse IP : réessayez dans %d secondes",
    "demasiados intentos fallidos desde su dirección IP: vuelva a intentarlo dentro de %d segundos",
    "お使いの IP アドレスからのログイン失敗が多すぎます。%d 秒後にもう一度お試しください",
    "SYS/TEMP",
)
TOO_SOON = Text(
    "you logged in a moment ago: try again in %d seconds, and let the mail program check less often",
    "Sie waren eben erst angemeldet: in %d Sekunden erneut versuchen und das Mailprogramm seltener abrufen lassen",
    "vous venez de vous connecter : réessayez dans %d secondes et espacez les relevés du logiciel de messagerie",
    "acaba de iniciar sesión: vuelva a intentarlo dentro de %d segundos y consulte el correo con menos frecuencia",
    "前回のログインから間もないため、%d 秒後にもう一度お試しください。メールソフトの確認間隔を長くしてください",
    "LOGIN-DELAY",
)
IN_USE = Text(
    "another mail program is reading this mailbox: wait until it has finished, or a minute if it has crashed",
    "ein anderes Mailprogramm liest gerade dieses Postfach: warten, bis es fertig ist, nach einem Absturz eine Minute",
    "un autre logiciel lit cette boîte : attendez qu'il ait terminé, ou une minute s'il s'est arrêté brutalement",
    "otro programa está leyendo este buzón: espere a que termine, o un minuto si se ha cerrado de golpe",
    "別のメールソフトがこのメールボックスを使用中です。終了するまで (異常終了した場合は 1 分ほど) お待ちください",
    "IN-USE",
)
TOO_MANY_SESSIONS = Text(
    "this account has too many connections open: close a mail program, then try again",
    "dieses Konto hat zu viele offene Verbindungen: ein Mailprogramm schließen, dann erneut versuchen",
    "ce compte a trop de connexions ouvertes : fermez un logiciel de messagerie, puis réessayez",
    "esta cuenta tiene demasiadas conexiones abiertas: cierre un programa de correo y vuelva a intentarlo",
    "このアカウントの接続数が多すぎます。メールソフトを閉じてから、もう一度お試しください",
    "IN-USE",
)
NO_FOLDER = Text(
    "the account has no folder of that name; leave the part behind the / off to get INBOX",
    "das Konto hat keinen Ordner dieses Namens; ohne den Teil nach dem / öffnet sich INBOX",
    "le compte n'a pas de dossier de ce nom ; sans la partie après le /, INBOX s'ouvre",
    "la cuenta no tiene ninguna carpeta con ese nombre; sin la parte que sigue a / se abre INBOX",
    "その名前のフォルダーはありません。/ 以降を省くと INBOX が開きます",
    "AUTH",
)

# -- Our own trouble ----------------------------------------------------------------------------------------

MESSAGE_GONE = Text(
    "this message has just been removed by another program: log in again to see what is left",
    "diese Nachricht wurde soeben von einem anderen Programm entfernt: bitte neu anmelden",
    "ce message vient d'être supprimé par un autre logiciel : reconnectez-vous",
    "otro programa acaba de eliminar este mensaje: vuelva a iniciar sesión",
    "このメッセージは別のソフトにより削除されました。もう一度ログインしてください",
    "SYS/TEMP",
)
NEEDS_UTF8 = Text(
    "this message can only be read by a mail program that knows UTF8 (RFC 6856)",
    "diese Nachricht kann nur ein Mailprogramm lesen, das UTF8 beherrscht (RFC 6856)",
    "ce message ne peut être lu que par un logiciel qui connaît UTF8 (RFC 6856)",
    "este mensaje solo puede leerlo un programa que conozca UTF8 (RFC 6856)",
    "このメッセージは UTF8 (RFC 6856) 対応のメールソフトでのみ読めます",
    "UTF8",
)
STORE_AWAY = Text(
    "the mail store cannot be reached at the moment: try again in a minute",
    "der Mailspeicher ist im Moment nicht erreichbar: in einer Minute erneut versuchen",
    "le stockage du courrier est momentanément inaccessible : réessayez dans une minute",
    "el almacén de correo no está accesible en este momento: vuelva a intentarlo en un minuto",
    "メールの保管場所に接続できません。1 分後にもう一度お試しください",
    "SYS/TEMP",
)
STORE_FULL = Text(
    "the server's disk is full, nothing was changed: tell the administrator",
    "die Festplatte des Servers ist voll, nichts wurde geändert: bitte die Administration benachrichtigen",
    "le disque du serveur est plein, rien n'a été modifié : prévenez l'administrateur",
    "el disco del servidor está lleno, no se ha cambiado nada: avise al administrador",
    "サーバーのディスクに空きがなく、何も変更されていません。管理者に連絡してください",
    "SYS/TEMP",
)
DAMAGED = Text(
    "the server cannot read this message any more: tell the administrator",
    "der Server kann diese Nachricht nicht mehr lesen: bitte die Administration benachrichtigen",
    "le serveur ne parvient plus à lire ce message : prévenez l'administrateur",
    "el servidor ya no puede leer este mensaje: avise al administrador",
    "サーバーがこのメッセージを読み取れません。管理者に連絡してください",
    "SYS/PERM",
)
ACCOUNT_GONE = Text(
    "this account or folder has been removed",
    "dieses Konto oder dieser Ordner wurde entfernt",
    "ce compte ou ce dossier a été supprimé",
    "esta cuenta o carpeta ha sido eliminada",
    "このアカウントまたはフォルダーは削除されました",
    "SYS/PERM",
)
TROUBLE = Text(
    "the server could not do this now: try again in a minute",
    "das konnte der Server jetzt nicht tun: in einer Minute erneut versuchen",
    "le serveur n'a pas pu le faire maintenant : réessayez dans une minute",
    "el servidor no ha podido hacerlo ahora: vuelva a intentarlo en un minuto",
    "サーバーが処理できませんでした。1 分後にもう一度お試しください",
    "SYS/TEMP",
)
NOT_CONFIRMED = Text(
    "the store did not confirm the deletions: messages may come again next time, nothing else is lost",
    "der Speicher hat das Löschen nicht bestätigt: Nachrichten kommen vielleicht noch einmal, verloren ist nichts",
    "le stockage n'a pas confirmé les suppressions : des messages reviendront peut-être, rien d'autre n'est perdu",
    "el almacén no ha confirmado el borrado: puede que vuelvan a llegar mensajes, no se ha perdido nada más",
    "削除が確認できませんでした。次回同じメッセージが届くことがありますが、ほかに失われたものはありません",
    "SYS/TEMP",
)
SLOW_LOGIN = Text(
    "no login within %d seconds; goodbye",
    "keine Anmeldung innerhalb von %d Sekunden; auf Wiedersehen",
    "pas d'identification en %d secondes ; au revoir",
    "sin inicio de sesión en %d segundos; hasta luego",
    "%d 秒以内にログインがなかったため、接続を終了します",
)
IDLE = Text(
    "no command for %d seconds, nothing was deleted; goodbye",
    "%d Sekunden lang kein Befehl, nichts wurde gelöscht; auf Wiedersehen",
    "aucune commande pendant %d secondes, rien n'a été supprimé ; au revoir",
    "ninguna orden durante %d segundos, no se ha borrado nada; hasta luego",
    "%d 秒間コマンドがなかったため、何も削除せずに接続を終了します",
)
RESTARTING = Text(
    "the server is restarting, nothing was deleted: try again in a minute",
    "der Server startet neu, nichts wurde gelöscht: in einer Minute erneut versuchen",
    "le serveur redémarre, rien n'a été supprimé : réessayez dans une minute",
    "el servidor se está reiniciando, no se ha borrado nada: vuelva a intentarlo en un minuto",
    "サーバーを再起動しています。何も削除されていません。1 分後にもう一度お試しください",
    "SYS/TEMP",
)
ENDED = Text(
    "this session was ended, nothing was deleted: log in again",
    "diese Sitzung wurde beendet, nichts wurde gelöscht: neu anmelden",
    "cette session a été fermée, rien n'a été supprimé : reconnectez-vous",
    "esta sesión se ha cerrado, no se ha borrado nada: vuelva a iniciar sesión",
    "このセッションは終了されました。何も削除されていません。もう一度ログインしてください",
    "SYS/TEMP",
)
