package redisbus_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"authserve/adapters/outbound/redisbus"
	"authserve/core/domain"
	"authserve/ports"
)

const sender domain.ID = "0193f0a0-0000-7000-8000-000000000001"

func rows(n int) []domain.ID {
	var ids []domain.ID
	for i := range n {
		ids = append(ids, domain.ID(fmt.Sprintf("0193f0a0-0000-7000-8000-%012x", i)))
	}
	return ids
}

func TestMessagesAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ tell, want ports.Changes }{
		"one row":        {ports.Changes{Rows: rows(1)}, ports.Changes{Rows: rows(1)}},
		"the most":       {ports.Changes{Rows: rows(ports.MaxChanges)}, ports.Changes{Rows: rows(ports.MaxChanges)}},
		"too many":       {ports.Changes{Rows: rows(ports.MaxChanges + 1)}, ports.Changes{Any: true}},
		"any row":        {ports.Changes{Any: true}, ports.Changes{Any: true}},
		"none":           {ports.Changes{}, ports.Changes{}},
		"no identifier":  {ports.Changes{Rows: append(rows(1), "*")}, ports.Changes{Any: true}},
		"the empty name": {ports.Changes{Rows: []domain.ID{""}}, ports.Changes{Any: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := redisbus.Encode(sender, c.tell)
			if len(m) > redisbus.MaxMessage {
				t.Errorf("%d bytes; want %d at most", len(m), redisbus.MaxMessage)
			}
			from, got, ok := redisbus.Decode(m)
			if !ok || from != sender || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%q reads %q, %+v, %v; want %+v", m, from, got, ok, c.want)
			}
		})
	}
}

func TestOnlyWholeMessagesAreRead(t *testing.T) {
	t.Parallel()
	id := string(rows(1)[0])
	for _, m := range []string{
		"", "1", "1 ", "1 *", "1 " + string(sender), "2 " + string(sender) + " *", "1 " + string(sender) + "  *", " 1 " + string(sender) + " *",
		"1 " + string(sender) + " * ", "1 " + string(sender) + " **", "1 " + string(sender) + " " + id + ",", "1 " + string(sender) + " ," + id,
		"1 " + string(sender) + " " + id + ",*", "1 " + string(sender) + " " + strings.ToUpper(id), "1 nobody *",
		"1 " + string(sender) + " " + id + "\n", "1 " + string(sender) + strings.Repeat(" "+id, 2),
		redisbus.Encode(sender, ports.Changes{Rows: rows(ports.MaxChanges)}) + "," + id,
	} {
		if from, c, ok := redisbus.Decode(m); ok {
			t.Errorf("%q reads %q, %+v; want it refused", m, from, c)
		}
	}
}

// FuzzDecode holds what is read against what would be written.
func FuzzDecode(f *testing.F) {
	for _, c := range []ports.Changes{{}, {Any: true}, {Rows: rows(1)}, {Rows: rows(3)}} {
		f.Add(redisbus.Encode(sender, c))
	}
	f.Add("2 x y")
	f.Fuzz(func(t *testing.T, m string) {
		from, c, ok := redisbus.Decode(m)
		if !ok {
			if from != "" || c.Any || c.Rows != nil {
				t.Errorf("%q is refused and yields %q, %+v", m, from, c)
			}
			return
		}
		if again := redisbus.Encode(from, c); again != m {
			t.Errorf("%q reads like %q", m, again)
		}
		if len(c.Rows) > ports.MaxChanges {
			t.Errorf("%d rows; want %d at most", len(c.Rows), ports.MaxChanges)
		}
	})
}
