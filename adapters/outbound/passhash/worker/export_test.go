package worker

import "io"

// MaxFrame bounds a frame.
const MaxFrame = maxFrame

// ErrFrame is for what the protocol does not have.
var ErrFrame = errFrame

// HelloFrame makes a greeting that speaks of the protocol.
func HelloFrame(text string) ([]byte, error) { return encode(hello{Protocol: text}) }

// RequestFrame makes the frame of a job.
func RequestFrame(id uint64, job Job) ([]byte, error) { return encode(request{ID: id, Job: job}) }

// ReplyFrame makes the frame of an answer.
func ReplyFrame(id uint64, result *Result, fault string) ([]byte, error) {
	return encode(reply{ID: id, Result: result, Fault: fault})
}

// ReadRequest reads the frame of a job.
func ReadRequest(r io.Reader) (uint64, Job, error) {
	var got request
	err := decode(r, &got)
	return got.ID, got.Job, err
}

// ReadReply reads the frame of an answer.
func ReadReply(r io.Reader) (uint64, *Result, string, error) {
	var got reply
	err := decode(r, &got)
	return got.ID, got.Result, got.Fault, err
}
