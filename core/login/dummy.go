package login

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"authserve/core/domain"
	"authserve/ports"
)

// mix is how the stored hashes divide by what they cost.
type mix struct {
	old   []share         // in the order of their settings; what is left is of the present ones
	known map[string]bool // every stored settings, also those that cannot be verified
}

// share is the part of the identifiers that stands for the hashes of old settings.
// Whoever is below most belongs to it, whatever becomes of the others; of them, those
// below now cost what its hashes cost, and the rest what present ones do.
type share struct {
	settings  string
	count     int64
	now, most float64 // 0 to 1, of those that belong to no share before
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
	m, unreadable := s.divide(stored, s.mix.Load())
	s.mix.Store(m)
	if unreadable != nil {
		return fmt.Errorf("stored password hashes cannot be verified: %s", strings.Join(unreadable, ", "))
	}
	return nil
}

// divide makes the mix that follows on before, which may be nil, and sets aside what
// the hasher cannot verify. While old hashes are replaced and accounts come, an
// identifier changes as an account does: once, from old to present, and never to
// other old ones. So shares keep whom they had, until an import makes them anew.
func (s *Service) divide(stored []domain.SettingsCount, before *mix) (m *mix, unreadable []string) {
	m = &mix{known: map[string]bool{}}
	present, total := domain.SettingsOf(s.hasher.Dummy("")), int64(0)
	for _, c := range stored {
		m.known[c.Settings] = true
		switch {
		case c.Count <= 0:
			continue
		case c.Settings == present:
		case domain.SettingsOf(s.hasher.Dummy(c.Settings)) != c.Settings:
			unreadable = append(unreadable, fmt.Sprintf("%d of %s", c.Count, c.Settings))
			continue
		default:
			m.old = append(m.old, share{settings: c.Settings, count: c.Count})
		}
		total += c.Count
	}
	kept := before.marks(m)
	rest := 1.0 // of the identifiers, beyond the shares before
	for i := range m.old {
		o := &m.old[i]
		if rest > 0 {
			o.now = min(1, float64(o.count)/float64(total)/rest)
		}
		o.most = max(o.now, kept[o.settings])
		rest *= 1 - o.most
	}
	return m, unreadable
}

// marks are the bounds of the shares that go on in next: none when some of its hashes
// were added, as by an import.
func (m *mix) marks(next *mix) map[string]float64 {
	if m == nil {
		return nil
	}
	marks, counts := map[string]float64{}, map[string]int64{}
	for _, o := range m.old {
		marks[o.settings], counts[o.settings] = o.most, o.count
	}
	for _, o := range next.old {
		if o.count > counts[o.settings] {
			return nil
		}
	}
	return marks
}

// RefreshMix is LearnMix where a login met settings that the mix lacks, as after an
// import, and nothing otherwise.
func (s *Service) RefreshMix(ctx context.Context) error {
	if !s.outdated.Swap(false) {
		return nil
	}
	learnt := s.mix.Load()
	err := s.LearnMix(ctx)
	if s.mix.Load() == learnt { // the store was in the way
		s.outdated.Store(true)
	}
	return err
}

// meet notes that there is a hash of the settings.
func (s *Service) meet(settings string) {
	if m := s.mix.Load(); m == nil || !m.known[settings] {
		s.outdated.Store(true)
	}
}

// dummy is the hash against which an unknown identifier is verified: of the same
// settings for one identifier as long as the mix does not move, drawn by MACs so that
// nobody else can tell which.
func (s *Service) dummy(ctx context.Context, id identifier) (domain.PasswordHash, error) {
	m := s.mix.Load()
	if m == nil {
		return s.hasher.Dummy(""), nil
	}
	for _, o := range m.old {
		mac, err := s.sealer.MAC(ctx, ports.PurposeDummy, s.sealer.ActiveKey(), []byte(o.settings+"\x00"+id.canonical))
		if err != nil {
			return domain.PasswordHash{}, err
		}
		if at := fraction(mac); at < o.now {
			return s.hasher.Dummy(o.settings), nil
		} else if at < o.most {
			break
		}
	}
	return s.hasher.Dummy(""), nil
}

// fraction is a number of at least 0 and below 1.
func fraction(mac []byte) float64 {
	const bits = 53 // those that a float64 holds exactly
	return float64(binary.BigEndian.Uint64(mac)>>(64-bits)) / (1 << bits)
}
