package token_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/token"
	"authserve/ports"
)

// counting counts how often a signature is checked.
type counting struct {
	ports.JWT
	checks *atomic.Int64
}

type countingVerifier struct {
	ports.TokenVerifier
	checks *atomic.Int64
}

func (c counting) Verifier(id domain.ID, alg domain.Algorithm, public []byte) (ports.TokenVerifier, error) {
	v, err := c.JWT.Verifier(id, alg, public)
	return &countingVerifier{v, c.checks}, err
}

func (c *countingVerifier) Verify(t string, expect ports.TokenExpectation) (domain.Claims, error) {
	c.checks.Add(1)
	return c.TokenVerifier.Verify(t, expect)
}

// counted makes a service over w's store and keys that counts signature checks.
func counted(t *testing.T, w *world.World) (*token.Service, *atomic.Int64) {
	t.Helper()
	var checks atomic.Int64
	s := token.New(w.Store, counting{w.Codec, &checks}, w.Sealer, w.Clock, w.IDs, token.Config{
		Issuer: world.Issuer, Audience: world.Issuer, AccessTTL: world.AccessTTL, Leeway: world.Leeway, Algorithm: domain.EdDSA,
	})
	if err := s.EnsureKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, &checks
}

func TestAGoodTokenIsCheckedOnce(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	service, checks := counted(t, w)
	access := w.Login(t, email).Access.Reveal()
	first, err := service.Verify(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	again, err := service.Verify(t.Context(), access)
	if err != nil || fmt.Sprint(again) != fmt.Sprint(first) {
		t.Errorf("second time: %+v, %v; want %+v", again, err, first)
	}
	if n := checks.Load(); n != 1 {
		t.Errorf("%d signature checks; want 1", n)
	}
	signature := strings.LastIndex(access, ".") + 1
	forged := access[:signature] + strings.Repeat("A", len(access)-signature) // no signature is all zeros
	for range 2 {
		if _, err := service.Verify(t.Context(), forged); domain.CodeOf(err) != domain.CodeInvalidToken {
			t.Errorf("forged beside a remembered one: %v", err)
		}
	}
	if n := checks.Load(); n != 3 {
		t.Errorf("%d signature checks; want 3: refusals are not remembered", n)
	}
}

func TestARememberedTokenExpires(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	access := w.Login(t, email).Access.Reveal()
	if _, err := w.Tokens.Verify(t.Context(), access); err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(world.AccessTTL + world.Leeway + time.Second)
	if _, err := w.Tokens.Verify(t.Context(), access); domain.CodeOf(err) != domain.CodeTokenExpired {
		t.Errorf("expired: %v; want %s", err, domain.CodeTokenExpired)
	}
}

func TestARememberedTokenGoesWithItsKey(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	access := w.Login(t, email).Access.Reveal()
	claims, err := w.Tokens.Verify(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	err = w.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		keys, err := tx.Keys().List(ctx)
		if err != nil {
			return err
		}
		for _, k := range keys { // the key is taken away; another one signs
			switch k.State {
			case domain.KeyActive:
				if err := tx.Keys().Delete(ctx, k.ID); err != nil {
					return err
				}
			case domain.KeyNext:
				if err := tx.Keys().SetState(ctx, k.ID, domain.KeyNext, domain.KeyActive, w.Clock.Now()); err != nil {
					return err
				}
			case domain.KeyRetired:
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(2 * time.Minute) // the ring is read again
	if _, err := w.Tokens.Verify(t.Context(), access); domain.CodeOf(err) != domain.CodeInvalidToken {
		t.Errorf("token of %s with its key gone: %v; want %s", claims.Subject, err, domain.CodeInvalidToken)
	}
}

func TestTheMemoryOfTokensIsBounded(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	service, checks := counted(t, w)
	first := w.Login(t, email)
	who, err := w.Sessions.Authenticate(t.Context(), first.Access.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.Verify(t.Context(), first.Access.Reveal()); err != nil {
		t.Fatal(err)
	}
	const many = 2 * 2048
	for range many {
		access, _, err := service.Mint(t.Context(), who.Account, who.Session)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := service.Verify(t.Context(), access.Reveal()); err != nil {
			t.Fatal(err)
		}
	}
	before := checks.Load()
	if _, err := service.Verify(t.Context(), first.Access.Reveal()); err != nil || before != many+1 {
		t.Fatalf("%d checks, %v", before, err)
	}
	if checks.Load() != before+1 {
		t.Error("a token from before the bound is still remembered")
	}
}
