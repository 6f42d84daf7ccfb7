package worker_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"authserve/adapters/outbound/passhash/worker"
)

func frame(body string) []byte {
	n := len(body)
	return append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, body...)
}

func TestFramesArriveAsTheyWere(t *testing.T) {
	t.Parallel()
	job := worker.Job{Settings: "$a$b", Salt: []byte{0, 255}, Hash: "ü$", Password: []byte("a\x00\xff\n")}
	result := worker.Result{Hash: "$x\"\\\n", Match: true}
	sent, err := worker.RequestFrame(7, job)
	if err != nil {
		t.Fatal(err)
	}
	if id, got, err := worker.ReadRequest(bytes.NewReader(sent)); id != 7 || !reflect.DeepEqual(got, job) || err != nil {
		t.Errorf("got request %d, %+v, %v; want 7, %+v", id, got, err, job)
	}
	if sent, err = worker.ReplyFrame(1<<63, &result, "why"); err != nil {
		t.Fatal(err)
	}
	if id, got, fault, err := worker.ReadReply(bytes.NewReader(sent)); id != 1<<63 || got == nil || *got != result || fault != "why" || err != nil {
		t.Errorf("got reply %d, %+v, %q, %v; want %d, %+v, why", id, got, fault, err, uint64(1<<63), result)
	}
}

func TestWhatIsNoFrame(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		data []byte
		want error
	}{
		{"nothing", nil, io.EOF},
		{"end in the length", []byte{0, 0}, io.ErrUnexpectedEOF},
		{"end before the body", []byte{0, 0, 0, 9}, io.ErrUnexpectedEOF},
		{"end in the body", frame(`{"id":1}`)[:9], io.ErrUnexpectedEOF},
		{"a line of text", []byte("usage: authserve [command]\n"), worker.ErrFrame},
		{"too long", []byte{0, 1, 0, 1}, worker.ErrFrame},
		{"empty", frame(""), worker.ErrFrame},
		{"no object", frame(`7`), worker.ErrFrame},
		{"unknown member", frame(`{"id":1,"more":true}`), worker.ErrFrame},
		{"other case", frame(`{"ID":1}`), worker.ErrFrame},
		{"twice the same", frame(`{"id":1,"id":2}`), worker.ErrFrame},
		{"more than one", frame(`{"id":1}{}`), worker.ErrFrame},
		{"not UTF-8", frame("{\"id\":1,\"fault\":\"\xff\"}"), worker.ErrFrame},
		{"negative", frame(`{"id":-1}`), worker.ErrFrame},
		{"a fraction", frame(`{"id":1.5}`), worker.ErrFrame},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, _, _, err := worker.ReadReply(bytes.NewReader(c.data)); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("s3cret", worker.MaxFrame)
	for name, job := range map[string]worker.Job{
		"too long":  {Password: []byte(secret)},
		"not UTF-8": {Hash: "s3cret\xff"},
	} {
		got, err := worker.RequestFrame(1, job)
		if !errors.Is(err, worker.ErrFrame) || got != nil {
			t.Errorf("%s: got %d bytes, %v; want %v", name, len(got), err, worker.ErrFrame)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error tells the secret: %v", name, err)
		}
	}
}

func FuzzReply(f *testing.F) {
	good, err := worker.ReplyFrame(1, &worker.Result{Hash: "$a", Match: true}, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(frame(`{"id":18446744073709551615,"result":{},"fault":"x"}`))
	f.Add([]byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		id, result, fault, err := worker.ReadReply(bytes.NewReader(data))
		if err != nil {
			return
		}
		again, err := worker.ReplyFrame(id, result, fault)
		if err != nil {
			t.Fatalf("%+v was read and cannot be sent: %v", result, err)
		}
		if id2, result2, fault2, err := worker.ReadReply(bytes.NewReader(again)); id2 != id || !reflect.DeepEqual(result2, result) || fault2 != fault || err != nil {
			t.Errorf("got %d, %+v, %q, %v; want %d, %+v, %q", id2, result2, fault2, err, id, result, fault)
		}
	})
}

func FuzzRequest(f *testing.F) {
	good, err := worker.RequestFrame(1, worker.Job{Settings: "$a", Salt: []byte("s"), Hash: "$h", Password: []byte("p")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(frame(`{"id":0,"job":{"password":"AA=="}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		id, job, err := worker.ReadRequest(bytes.NewReader(data))
		if err != nil {
			return
		}
		again, err := worker.RequestFrame(id, job)
		if err != nil {
			t.Fatalf("%+v was read and cannot be sent: %v", job, err)
		}
		id2, job2, err := worker.ReadRequest(bytes.NewReader(again))
		if err != nil || id2 != id || job2.Settings != job.Settings || job2.Hash != job.Hash ||
			!bytes.Equal(job2.Salt, job.Salt) || !bytes.Equal(job2.Password, job.Password) {
			t.Errorf("got %d, %+v, %v; want %d, %+v", id2, job2, err, id, job)
		}
	})
}
