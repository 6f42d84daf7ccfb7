package ports_test

import (
	"errors"
	"reflect"
	"testing"

	"authserve/ports"
)

// Every method of every store that Unsupported hands out fails with
// ErrUnsupported, whatever Tx grows into.
func TestUnsupportedRefusesEveryMethod(t *testing.T) {
	t.Parallel()
	tx := reflect.TypeFor[ports.Tx]()
	for aggregate := range tx.Methods() {
		store := reflect.ValueOf(ports.Unsupported{}).MethodByName(aggregate.Name).Call(nil)[0].Elem()
		for method := range aggregate.Type.Out(0).Methods() {
			t.Run(aggregate.Name+"."+method.Name, func(t *testing.T) {
				t.Parallel()
				args := make([]reflect.Value, method.Type.NumIn())
				for i := range args {
					args[i] = reflect.Zero(method.Type.In(i))
				}
				call := store.MethodByName(method.Name).Call
				if method.Type.IsVariadic() {
					call = store.MethodByName(method.Name).CallSlice
				}
				out := call(args)
				err, _ := out[len(out)-1].Interface().(error)
				if !errors.Is(err, ports.ErrUnsupported) {
					t.Errorf("got %v, want %v", err, ports.ErrUnsupported)
				}
			})
		}
	}
}
