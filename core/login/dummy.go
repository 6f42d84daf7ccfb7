package login

import (
	"context"
	"encoding/binary"
	"errors"

	"authserve/core/domain"
	"authserve/ports"
)

// mix is how the stored hashes divide by what they cost.
type mix struct {
	counts []domain.SettingsCount
	total  uint64
}

// LearnMix reads how many stored hashes there are of each settings. From then on
// unknown identifiers cost what the stored accounts cost, in the same proportion:
// otherwise the cheap refusal would tell that nobody has the identifier as long as
// there are imported or older hashes. A store that cannot count leaves it at the
// present settings.
func (s *Service) LearnMix(ctx context.Context) error {
	var counts []domain.SettingsCount
	err := s.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		counts, err = tx.Credentials().CountSettings(ctx)
		return err
	})
	if errors.Is(err, ports.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return err
	}
	m := &mix{counts: counts}
	for _, c := range counts {
		m.total += uint64(max(c.Count, 0))
	}
	s.mix.Store(m)
	return nil
}

// dummy is the hash against which an unknown identifier is verified: of always the
// same settings for one identifier, drawn by a MAC so that nobody else can tell
// which.
func (s *Service) dummy(ctx context.Context, id identifier) (domain.PasswordHash, error) {
	m := s.mix.Load()
	if m == nil || len(m.counts) < 2 {
		return s.hasher.Dummy(m.only()), nil
	}
	mac, err := s.sealer.MAC(ctx, ports.PurposeDummy, s.sealer.ActiveKey(), []byte(id.canonical))
	if err != nil {
		return domain.PasswordHash{}, err
	}
	return s.hasher.Dummy(m.at(binary.BigEndian.Uint64(mac) % m.total)), nil
}

// only is the one settings of a mix that has no second; empty without any.
func (m *mix) only() string {
	if m == nil || len(m.counts) == 0 {
		return ""
	}
	return m.counts[0].Settings
}

// at returns the settings of number n of all hashes, counted from 0.
func (m *mix) at(n uint64) string {
	for _, c := range m.counts {
		if n < uint64(c.Count) { //nolint:gosec // counts are not negative
			return c.Settings
		}
		n -= uint64(c.Count) //nolint:gosec // as above
	}
	return ""
}
