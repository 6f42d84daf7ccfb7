package web

import (
	"fmt"

	"golang.org/x/text/language"
)

// linkLanguages are those of the pages; the first one is for everybody else.
func linkLanguages() []language.Tag { return []language.Tag{language.English, language.German} }

// pageOfLink is a page before it is put into words.
type pageOfLink struct {
	path            string
	call            string // of the API, relative to path
	choosesPassword bool
	english, german pageWords
}

// pageWords are the words of one page.
type pageWords struct {
	Title, Explain, Button string
	done                   string // after the token was spent
	invalid                string // where it was not, for good
}

func (p pageOfLink) in(tag language.Tag) pageWords {
	if tag == language.German {
		return p.german
	}
	return p.english
}

func linkPages() []pageOfLink {
	return []pageOfLink{{
		path: "/links/verify-email", call: "../api/v1/auth/email/verify",
		english: pageWords{
			Title:   "Confirm your e-mail address",
			Explain: "Press the button to confirm that the mail with this link reached you. You may have to log in again afterwards. If you did not ask for it, close this page.",
			Button:  "Confirm address",
			done:    "Thank you, your e-mail address is confirmed. You can close this page and log in.",
			invalid: "This link is not valid any more. It can be used once, within its time, and only the newest one counts. Ask for a new link where you log in.",
		},
		german: pageWords{
			Title:   "E-Mail-Adresse bestätigen",
			Explain: "Bestätigen Sie mit dem Knopf, dass die Mail mit diesem Link Sie erreicht hat. Danach müssen Sie sich vielleicht neu anmelden. Wenn Sie nichts dergleichen veranlasst haben, schließen Sie diese Seite.",
			Button:  "Adresse bestätigen",
			done:    "Danke, Ihre E-Mail-Adresse ist bestätigt. Sie können diese Seite schließen und sich anmelden.",
			invalid: "Dieser Link gilt nicht mehr. Er lässt sich nur einmal und nur eine Zeit lang verwenden, und nur der neueste zählt. Fordern Sie dort, wo Sie sich anmelden, einen neuen an.",
		},
	}, {
		path: "/links/undo-email", call: "../api/v1/auth/email/undo",
		english: pageWords{
			Title:   "Take your e-mail address back",
			Explain: "If you did not change the address of your account, press the button. The account gets its old address again, everybody is logged out, and you get a mail to choose a new password.",
			Button:  "Undo the change",
			done:    "Your account has its old address again, and everybody is logged out. Open the mail that we are sending you now, and choose a new password.",
			invalid: "This link is not valid any more. It can be used once, and for seven days after the change. If your account is still in the wrong hands, turn to whoever runs the service.",
		},
		german: pageWords{
			Title:   "E-Mail-Adresse zurückholen",
			Explain: "Wenn Sie die Adresse Ihres Kontos nicht selbst geändert haben, drücken Sie den Knopf. Das Konto erhält seine alte Adresse zurück, alle werden abgemeldet, und Sie bekommen eine Mail, um ein neues Passwort zu wählen.",
			Button:  "Änderung rückgängig machen",
			done:    "Ihr Konto hat wieder seine alte Adresse, und alle sind abgemeldet. Öffnen Sie die Mail, die wir Ihnen jetzt schicken, und wählen Sie ein neues Passwort.",
			invalid: "Dieser Link gilt nicht mehr. Er lässt sich nur einmal und nur sieben Tage lang verwenden. Wenn Ihr Konto noch in falschen Händen ist, wenden Sie sich an den Betreiber des Dienstes.",
		},
	}, {
		path: "/links/reset-password", call: "../api/v1/auth/password/reset", choosesPassword: true,
		english: pageWords{
			Title:   "Choose a new password",
			Explain: "The new password takes the place of the old one, and everybody who is logged in to your account is logged out.",
			Button:  "Set the password",
			done:    "Your new password is set. You can close this page and log in with it.",
			invalid: "This link is not valid any more. It can be used once, within 30 minutes, and only the newest one counts. Ask for a new link where you log in.",
		},
		german: pageWords{
			Title:   "Neues Passwort wählen",
			Explain: "Das neue Passwort ersetzt das alte, und alle, die in Ihrem Konto angemeldet sind, werden abgemeldet.",
			Button:  "Passwort setzen",
			done:    "Ihr neues Passwort ist gesetzt. Sie können diese Seite schließen und sich damit anmelden.",
			invalid: "Dieser Link gilt nicht mehr. Er lässt sich nur einmal und nur 30 Minuten lang verwenden, und nur der neueste zählt. Fordern Sie dort, wo Sie sich anmelden, einen neuen an.",
		},
	}}
}

// commonWords are those that pages share. The texts of hintFormat and shortFormat take
// the least length of a password.
type commonWords struct {
	NoScript, Password, Show        string
	hintFormat, shortFormat         string
	noToken, working, later, failed string
	emailTaken                      string
	required, tooLong, character    string
	common, context, breached       string
}

func (c commonWords) hint(cfg LinkPagesConfig) string {
	return fmt.Sprintf(c.hintFormat, cfg.MinPasswordLength)
}

// said is what the script says, by its own names and by the codes of field errors.
func (c commonWords) said(page pageWords, cfg LinkPagesConfig) map[string]string {
	return map[string]string{
		"done": page.done, "invalid": page.invalid,
		"no_token": c.noToken, "working": c.working, "later": c.later, "failed": c.failed, "email_taken": c.emailTaken,
		"required": c.required, "too_short": fmt.Sprintf(c.shortFormat, cfg.MinPasswordLength), "too_long": c.tooLong,
		"invalid_character": c.character, "too_common": c.common, "contains_context": c.context, "breached": c.breached,
	}
}

func commonIn(tag language.Tag) commonWords {
	if tag == language.German {
		return commonWords{
			NoScript:    "Diese Seite braucht JavaScript. Erlauben Sie es für diese Seite, oder öffnen Sie den Link aus der Mail in einem anderen Browser. Bis dahin geschieht nichts, und der Link bleibt gültig.",
			Password:    "Neues Passwort",
			Show:        "Passwort anzeigen",
			hintFormat:  "Mindestens %d Zeichen. Mehrere Wörter, die nicht zusammengehören, sind leicht zu merken und schwer zu erraten.",
			shortFormat: "Das Passwort hat weniger als %d Zeichen.",
			noToken:     "Dieser Adresse fehlt etwas. Öffnen Sie den Link aus der Mail noch einmal, und zwar den ganzen.",
			working:     "Einen Augenblick …",
			later:       "Das waren zu viele Versuche, oder der Dienst hat gerade zu viel zu tun. Warten Sie etwas, und drücken Sie den Knopf noch einmal.",
			failed:      "Das hat nicht geklappt. Prüfen Sie Ihre Verbindung, und drücken Sie den Knopf noch einmal.",
			emailTaken:  "Diese Adresse gehört inzwischen zu einem anderen Konto.",
			required:    "Geben Sie ein Passwort ein.",
			tooLong:     "Das Passwort ist zu lang.",
			character:   "Das Passwort enthält ein Zeichen, das sich nicht überall gleich eingeben lässt.",
			common:      "Dieses Passwort ist eines der häufigsten, oder wenig mehr als das.",
			context:     "Dieses Passwort besteht fast nur aus dem Namen des Dienstes, Ihrer Adresse oder Ihrem Namen.",
			breached:    "Dieses Passwort ist durch ein Datenleck bekannt geworden.",
		}
	}
	return commonWords{
		NoScript:    "This page needs JavaScript. Allow it for this page, or open the link of the mail in another browser. Until then nothing happens, and the link stays valid.",
		Password:    "New password",
		Show:        "Show the password",
		hintFormat:  "At least %d characters. Several words that do not belong together are easy to remember and hard to guess.",
		shortFormat: "The password has fewer than %d characters.",
		noToken:     "Something is missing in this address. Open the link of the mail once more, all of it.",
		working:     "One moment …",
		later:       "There were too many attempts, or the service has too much to do. Wait a while, then press the button again.",
		failed:      "That did not work. Check your connection, then press the button again.",
		emailTaken:  "This address belongs to another account by now.",
		required:    "Enter a password.",
		tooLong:     "The password is too long.",
		character:   "The password holds a character that cannot be typed reliably.",
		common:      "This password is one of the most common ones, or little more than one.",
		context:     "This password is little more than the name of the service, your address or your name.",
		breached:    "This password became public in a breach.",
	}
}
