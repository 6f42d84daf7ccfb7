package ports

import (
	"authserve/core/domain"
)

// Letters puts messages into words.
type Letters interface {
	// Compose writes the letter of m in m.Locale, or in the language nearest to it.
	// secret is that of the one-time token, zero for kinds without one; links carry it
	// where no server on the way sees it. Errors: KindInvalid when m can never be put
	// into words.
	Compose(m domain.Message, secret domain.Secret) (domain.Letter, error)
}
