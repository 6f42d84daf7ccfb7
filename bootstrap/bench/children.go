package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"

	"authserve/bootstrap/harness"
)

// The hidden commands: what this program does in processes of its own.
const (
	commandBare   = "bare"   // the bare handler, until it is ended
	commandServe  = "serve"  // the service with another hasher, until it is ended
	commandReader = "reader" // GET /users/me at a fixed rate
	commandLogins = "logins" // workers who log in
	commandFeed   = "feed"   // the hash workers without HTTP
	commandRaw    = "raw"    // hashes in a plain loop
	commandBurn   = "burn"   // half a core, until it is ended
)

func child(ctx context.Context, command string, args []string) error {
	switch command {
	case commandBare:
		return serveBare(ctx)
	case commandServe:
		return serveHasher(ctx, args)
	case commandBurn:
		return burn(ctx)
	case commandReader:
		collectNothing()
		return answer(ctx, readProfiles)
	case commandLogins:
		collectNothing()
		return answer(ctx, logIn)
	case commandFeed:
		return answer(ctx, feed)
	case commandRaw:
		return answer(ctx, hashRaw)
	default:
		return fmt.Errorf("unknown command %q: none, storm, engines or db", command)
	}
}

// collectNothing keeps a generator of load from taking the cores for itself: its
// memory fits many times over what it may take.
func collectNothing() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(1 << 30)
}

// answer is the child's side of ask.
func answer[S, R any](ctx context.Context, do func(context.Context, S) (R, error)) error {
	var spec S
	if err := json.NewDecoder(os.Stdin).Decode(&spec); err != nil {
		return err
	}
	result, err := do(ctx, spec)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// ask runs a hidden command as a process: spec goes in, its result comes out.
func ask[R any](ctx context.Context, command string, spec any) (R, error) {
	var result R
	cmd, err := self(ctx, command)
	if err != nil {
		return result, err
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return result, err
	}
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &result)
	}
	if err != nil {
		return result, fmt.Errorf("%s: %w", command, err)
	}
	return result, nil
}

// self is this very program with a hidden command. It ends with ctx, and with this process.
func self(ctx context.Context, command string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, command) //nolint:gosec // this very program
	if command == commandLogins {
		// Those who log in have machines of their own: here theirs yields to the service
		// and to who measures it, and not to the hashes.
		cmd = exec.CommandContext(ctx, "nice", "-n", "5", path, command) //nolint:gosec // as above
	}
	cmd.Stderr, cmd.SysProcAttr = os.Stderr, harness.ChildAttributes()
	return cmd, nil
}
