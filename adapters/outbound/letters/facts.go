package letters

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"authserve/core/domain"
)

// Facts are what templates can speak of, already in the words of their language. What
// does not belong to the kind of message, or is not known, is empty.
type Facts struct {
	Product string // the name of the service
	Subject string // of this very letter; empty while it is made
	Link    string // to the page that spends the token
	Valid   string // for how long the link is good
	At      string // when it happened, or was asked for
	Began   string // session_theft: when the session had begun
	Device  string // new_device: what the program called itself
	Address string // new_device: where it connected from
}

// facts are those of m but for the link. Nothing of Data is passed on that the kind does
// not need.
func (s set) facts(m domain.Message) Facts {
	f := Facts{At: s.instant(m.CreatedAt)}
	if at, err := time.Parse(time.RFC3339, m.Data[domain.DataAt]); err == nil {
		f.At = s.instant(at)
	}
	if purpose, linked := m.Kind.Purpose(); linked {
		f.Valid = s.duration(purpose.TTL())
	}
	if m.Kind == domain.MessageSessionTheft {
		if began, err := time.Parse(time.RFC3339, m.Data[domain.DataBegan]); err == nil {
			f.Began = s.instant(began)
		}
	}
	if m.Kind == domain.MessageNewDevice {
		f.Device = device(m.Data[domain.DataDevice])
		if address, err := netip.ParseAddr(m.Data[domain.DataAddress]); err == nil {
			f.Address = address.Unmap().WithZone("").String()
		}
	}
	return f
}

// instant writes t to the minute. Where the owner lives is not known, so it is in UTC.
func (s set) instant(t time.Time) string {
	t = t.UTC()
	switch s.base {
	case "en":
		return t.Format("2 January 2006 at 15:04 UTC")
	case "de":
		months := [...]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}
		return strconv.Itoa(t.Day()) + ". " + months[t.Month()-1] + t.Format(" 2006 um 15:04 Uhr UTC")
	default: // ISO 8601, which needs no language
		return t.Format("2006-01-02 15:04 UTC")
	}
}

// duration writes d in the largest unit that leaves no rest; a week's days are days.
func (s set) duration(d time.Duration) string {
	const day = 24 * time.Hour
	one, many, unit := "min", "min", time.Minute
	words := func(en, ens, de, des, short string) {
		switch s.base {
		case "en":
			one, many = en, ens
		case "de":
			one, many = de, des
		default:
			one, many = short, short
		}
	}
	switch {
	case d > day && d%day == 0:
		unit = day
		words("day", "days", "Tag", "Tagen", "d")
	case d%time.Hour == 0:
		unit = time.Hour
		words("hour", "hours", "Stunde", "Stunden", "h")
	default:
		words("minute", "minutes", "Minute", "Minuten", "min")
	}
	n := int(d / unit)
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// maxDevice is the longest name of a device in a letter, in bytes.
const maxDevice = 100

// device makes a User-Agent harmless, which its client chose: one line of letters,
// digits and few signs, without the dots, colons and signs of which links, addresses and
// markup are made. Of versions the first number is left: "Firefox/128".
func device(userAgent string) string {
	var out strings.Builder
	var last byte
	for i := 0; i < len(userAgent) && out.Len() < maxDevice; i++ {
		c := userAgent[i]
		switch {
		case c == '.' && isDigit(last) && i+1 < len(userAgent) && isDigit(userAgent[i+1]):
			for i+1 < len(userAgent) && (isDigit(userAgent[i+1]) || userAgent[i+1] == '.') {
				i++
			}
			continue
		case isDigit(c), 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', strings.IndexByte("()_;,+/-", c) >= 0:
		default:
			c = ' '
		}
		if c == ' ' && (last == ' ' || last == 0) {
			continue
		}
		out.WriteByte(c)
		last = c
	}
	return strings.TrimSpace(out.String())
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
