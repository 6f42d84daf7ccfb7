package login

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"authserve/core/domain"
	"authserve/ports"
)

// mix is how the stored hashes divide by what they cost.
type mix struct {
	counts []domain.SettingsCount // the present settings last
	total  uint64
	known  map[string]bool // every stored settings, also those that cannot be verified
}

// LearnMix reads how many stored hashes there are of each settings. From then on
// unknown identifiers cost what the stored accounts cost, in the same proportion:
// otherwise the cheap refusal would tell that nobody has the identifier as long as
// there are imported or older hashes. A store that cannot count leaves it at the
// present settings. The error names stored settings that cannot be verified, as
// those of a pepper whose key is gone; the others are learnt all the same.
func (s *Service) LearnMix(ctx context.Context) error {
	var stored []domain.SettingsCount
	err := s.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		stored, err = tx.Credentials().CountSettings(ctx)
		return err
	})
	if errors.Is(err, ports.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return err
	}
	m, unreadable := s.divide(stored)
	s.mix.Store(m)
	if unreadable != nil {
		return fmt.Errorf("stored password hashes cannot be verified: %s", strings.Join(unreadable, ", "))
	}
	return nil
}

// divide sets aside what the hasher cannot verify. The present settings come last:
// while old hashes are replaced and accounts come, their share grows downwards, and
// an identifier changes as an account does, once, from old to present.
func (s *Service) divide(stored []domain.SettingsCount) (m *mix, unreadable []string) {
	m = &mix{known: map[string]bool{}}
	present := domain.SettingsCount{Settings: domain.SettingsOf(s.hasher.Dummy(""))}
	for _, c := range stored {
		m.known[c.Settings] = true
		switch {
		case c.Count <= 0:
		case c.Settings == present.Settings:
			present.Count = c.Count
		case domain.SettingsOf(s.hasher.Dummy(c.Settings)) != c.Settings:
			unreadable = append(unreadable, fmt.Sprintf("%d of %s", c.Count, c.Settings))
		default:
			m.counts = append(m.counts, c)
		}
	}
	if present.Count > 0 {
		m.counts = append(m.counts, present)
	}
	for _, c := range m.counts {
		m.total += uint64(c.Count) //nolint:gosec // counts are positive
	}
	return m, unreadable
}

// RefreshMix is LearnMix where a login met settings that the mix lacks, as after an
// import, and nothing otherwise.
func (s *Service) RefreshMix(ctx context.Context) error {
	if !s.outdated.Swap(false) {
		return nil
	}
	return s.LearnMix(ctx)
}

// meet notes that there is a hash of the settings.
func (s *Service) meet(settings string) {
	if m := s.mix.Load(); m == nil || !m.known[settings] {
		s.outdated.Store(true)
	}
}

// dummy is the hash against which an unknown identifier is verified: of the same
// settings for one identifier as long as the mix does not move, drawn by a MAC so
// that nobody else can tell which.
func (s *Service) dummy(ctx context.Context, id identifier) (domain.PasswordHash, error) {
	m := s.mix.Load()
	if m == nil || len(m.counts) < 2 {
		return s.hasher.Dummy(m.only()), nil
	}
	mac, err := s.sealer.MAC(ctx, ports.PurposeDummy, s.sealer.ActiveKey(), []byte(id.canonical))
	if err != nil {
		return domain.PasswordHash{}, err
	}
	// A share of the whole, and not a remainder: that would be another with each total.
	place, _ := bits.Mul64(binary.BigEndian.Uint64(mac), m.total)
	return s.hasher.Dummy(m.at(place)), nil
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
		if n < uint64(c.Count) { //nolint:gosec // counts are positive
			return c.Settings
		}
		n -= uint64(c.Count) //nolint:gosec // as above
	}
	return ""
}
