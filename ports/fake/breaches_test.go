package fake_test

import (
	"errors"
	"testing"

	"authserve/ports/fake"
)

func TestBreachesKnowWhatTheyWereTold(t *testing.T) {
	t.Parallel()
	breaches := fake.NewBreaches("found before")
	for _, c := range []struct {
		password string
		fail     error
		want     bool
	}{{"found before", nil, true}, {"unknown", nil, false}, {"found before", errTest, false}, {"found before", nil, true}} {
		breaches.Fail(c.fail)
		if got, err := breaches.Contains(t.Context(), password(t, c.password)); got != c.want || !errors.Is(err, c.fail) {
			t.Errorf("Contains(%s) while failing with %v: got %t, %v; want %t", c.password, c.fail, got, err, c.want)
		}
	}
	if got := breaches.Asked(); got != 4 {
		t.Errorf("Asked: got %d, want 4", got)
	}
}
