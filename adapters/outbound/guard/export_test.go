package guard

import (
	"reflect"
	"unsafe"
)

// StopHystrix ends the two goroutines that hystrix keeps for c, which it has no
// way to do itself: a test's bubble ends with its last goroutine. c must not be
// called afterwards.
func StopHystrix(c *Circuit) {
	updates(c).Close()
	private(reflect.ValueOf(c.judge.breaker), "executorPool", "Metrics", "Updates").Close()
}

// StallHystrix takes away the reader of hystrix's metrics: its queue stays full.
func StallHystrix(c *Circuit) (undo func()) {
	queue := updates(c)
	kept := reflect.ValueOf(queue.Interface())
	queue.Set(reflect.MakeChan(queue.Type(), 0))
	return func() { queue.Set(kept) }
}

func updates(c *Circuit) reflect.Value {
	return private(reflect.ValueOf(c.judge.breaker), "metrics", "Updates")
}

// private follows a path of fields, through pointers, to a value that can be set.
func private(v reflect.Value, path ...string) reflect.Value {
	for _, name := range path {
		field := v.Elem().FieldByName(name)
		v = reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
	}
	return v
}
