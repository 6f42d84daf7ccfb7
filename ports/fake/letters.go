package fake

import (
	"authserve/core/domain"
	"authserve/ports"
)

// Letters writes letters whose text is the secret of their token.
type Letters struct{}

var _ ports.Letters = Letters{}

// Compose implements ports.Letters.
func (Letters) Compose(m domain.Message, secret domain.Secret) (domain.Letter, error) {
	return domain.Letter{ID: m.ID, Kind: m.Kind, To: m.To, Subject: string(m.Kind), Text: secret.Reveal(), CreatedAt: m.CreatedAt}, nil
}
