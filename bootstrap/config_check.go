package bootstrap

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"authserve/adapters/outbound/entstore"
)

// rules holds a loaded configuration against what no single value can show.
type rules struct {
	cfg      *Config
	tree     []leaf
	faulty   map[string]bool // leaves that are reported already
	faults   Faults
	warnings []string
}

// checkConfig runs every rule and collects what each finds.
func checkConfig(cfg *Config, tree []leaf, faulty map[string]bool) *rules {
	r := &rules{cfg: cfg, tree: tree, faulty: faulty}
	r.bounds()
	r.relations()
	r.listeners()
	r.hashing()
	r.mail()
	r.redis()
	r.limits()
	r.secretFiles()
	r.dataFiles()
	r.backups()
	if cfg.Env == Production {
		r.production()
	}
	return r
}

// refuse reports a fault of the leaf at path, unless it has one already.
func (r *rules) refuse(path, format string, args ...any) {
	if !r.faulty[path] {
		r.faults = append(r.faults, r.cfg.Fault(path, fmt.Sprintf(format, args...)))
	}
}

// strict is a fault in production and a warning in development.
func (r *rules) strict(path, format string, args ...any) {
	switch {
	case r.cfg.Env == Production:
		r.refuse(path, format, args...)
	case !r.faulty[path]:
		r.warnings = append(r.warnings, path+" "+fmt.Sprintf(format, args...))
	}
}

func (r *rules) bounds() {
	for _, l := range r.tree {
		if l.bounds == nil || r.faulty[l.path] {
			continue
		}
		if err := l.bounds(r.cfg); err != nil {
			r.refuse(l.path, "%v, got %v", err, l.get(r.cfg))
			r.faulty[l.path] = true // what it contradicts besides is no news
		}
	}
}

// relations compares durations that only make sense in an order.
func (r *rules) relations() {
	http, token, session := r.cfg.HTTP, r.cfg.Token, r.cfg.Session
	order := []struct {
		path  string
		value time.Duration
		word  string
		other string
		bound time.Duration
		holds bool
	}{
		{"http.write_timeout", http.WriteTimeout, "longer than", "http.request_timeout", http.RequestTimeout, http.WriteTimeout > http.RequestTimeout},
		{"http.read_header_timeout", http.ReadHeaderTimeout, "at most", "http.read_timeout", http.ReadTimeout, http.ReadHeaderTimeout <= http.ReadTimeout},
		{"token.refresh_grace", token.RefreshGrace, "shorter than", "token.access_ttl", token.AccessTTL, token.RefreshGrace < token.AccessTTL},
		{"token.access_ttl", token.AccessTTL, "shorter than", "session.idle_ttl", session.IdleTTL, token.AccessTTL < session.IdleTTL},
		{"session.idle_ttl", session.IdleTTL, "at most", "session.absolute_ttl", session.AbsoluteTTL, session.IdleTTL <= session.AbsoluteTTL},
		{"token.key_rotation", token.KeyRotation, "0 or longer than", "token.access_ttl", token.AccessTTL, token.KeyRotation == 0 || token.KeyRotation > token.AccessTTL},
	}
	for _, o := range order {
		if !o.holds && !r.faulty[o.other] {
			r.strict(o.path, "(%s) must be %s %s (%s)", formatDuration(o.value), o.word, o.other, formatDuration(o.bound))
		}
	}
}

func (r *rules) listeners() {
	if addr := r.cfg.Ops.Addr; addr == r.cfg.HTTP.Addr && !strings.HasSuffix(addr, ":0") && !r.faulty["http.addr"] {
		r.refuse("ops.addr", "must differ from http.addr")
	}
}

// hashing holds the circuit of the hasher against its queue, which refuses better.
func (r *rules) hashing() {
	p := r.cfg.Password
	workers := p.Workers
	if workers == 0 {
		workers = runtime.NumCPU() // never more
	}
	if most := r.cfg.Guard.Hash.MaxConcurrent; most < p.Queue+workers {
		r.strict("guard.hash.max_concurrent", "(%d) must be at least password.queue and password.workers together (%d)", most, p.Queue+workers)
	}
}

func (r *rules) mail() {
	switch {
	case r.faulty["smtp.url"]:
	case !r.cfg.SMTP.URL.IsZero() && r.cfg.SMTP.From == "":
		r.refuse("smtp.from", "is needed with smtp.url")
	case r.cfg.SMTP.URL.IsZero() && !r.cfg.DeveloperMailbox():
		r.warnings = append(r.warnings, "smtp.url is empty, so mail is abandoned: the developer mailbox needs development and loopback addresses on both listeners")
	}
}

func (r *rules) redis() {
	if !r.cfg.Redis.URL.IsZero() && r.cfg.Cache.TTL == 0 && !r.cfg.RateLimit.Enabled {
		r.warnings = append(r.warnings, "redis.url has no use while cache.ttl is 0 and rate_limit.enabled is false: nothing is remembered, and nothing counted")
	}
}

// limits warns of what lets guesses through.
func (r *rules) limits() {
	l := r.cfg.RateLimit
	if !l.Enabled {
		if r.cfg.Env == Production {
			r.warnings = append(r.warnings, "rate_limit.enabled is false IN PRODUCTION: nothing limits how often passwords are guessed, mail is sent and accounts are made")
		}
		return
	}
	if l.FreeFailures > l.MaxFailures {
		r.refuse("rate_limit.free_failures", "(%d) must be at most rate_limit.max_failures (%d)", l.FreeFailures, l.MaxFailures)
	}
	if most := max(l.Account.Burst, l.AccountNetwork.Burst); most >= l.MaxFailures {
		r.warnings = append(r.warnings, fmt.Sprintf("rate_limit.account.burst and rate_limit.account_network.burst (%d) should be below rate_limit.max_failures (%d): otherwise one volley of guesses closes an account for unknown devices", most, l.MaxFailures))
	}
}

// secretFiles looks at who else may read the files of secrets.
func (r *rules) secretFiles() {
	for _, l := range r.tree {
		source := r.cfg.sources[l.path]
		file := source.SecretFile
		if file == "" && l.secret && r.cfg.file != "" && strings.HasPrefix(source.Origin, r.cfg.file+" line ") {
			file = r.cfg.file // the secret itself stands in the configuration
		}
		if file == "" || r.faulty[l.path] {
			continue
		}
		info, err := os.Stat(file)
		if err != nil {
			r.refuse(l.path, "cannot look at the file's permissions")
			continue
		}
		if mode := info.Mode().Perm(); !privateMode(mode, isMounted(file)) {
			r.strict(l.path, "has a file that others may use (mode %04o): run chmod 0600 on it", mode)
		}
	}
}

// dataFiles looks at who else may use the data directory. It only warns: volumes of
// container engines come with wide modes, and their files with those of a group.
func (r *rules) dataFiles() {
	for _, f := range []struct {
		path      string
		forbidden fs.FileMode
	}{{r.cfg.DataDir, 0o002}, {filepath.Join(r.cfg.DataDir, "authserve.db"), 0o007}} {
		if info, err := os.Stat(f.path); err == nil && info.Mode().Perm()&f.forbidden != 0 {
			r.warnings = append(r.warnings, fmt.Sprintf("data_dir: everybody on this machine may use %s (mode %04o)", f.path, info.Mode().Perm()))
		}
	}
}

// privateMode reports whether only the owner can use a file of this mode. Mounted
// secrets may be readable for others, since nobody else lives in the container.
func privateMode(mode fs.FileMode, mounted bool) bool {
	if mounted {
		mode &^= 0o044
	}
	return mode&0o077 == 0
}

// isMounted reports whether file lies where container engines mount secrets.
func isMounted(file string) bool {
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		return false
	}
	target, err = filepath.Abs(target)
	return err == nil && (strings.HasPrefix(target, "/run/secrets/") || strings.HasPrefix(target, "/var/run/secrets/"))
}

// backups holds the schedule of snapshots against the database. That the directory is
// missing only warns: the disk for backups must not keep the service from its work.
func (r *rules) backups() {
	dir := r.cfg.Backup.Dir
	if dir == "" {
		return
	}
	if url := r.cfg.Database.URL; !url.IsZero() && !entstore.CanSnapshot(url.Reveal()) {
		r.refuse("backup.dir", "is for SQLite: PostgreSQL and MySQL have backup tools of their own")
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		r.warnings = append(r.warnings, "backup.dir is no directory that can be used, so snapshots fail until it is")
	}
}

// production refuses what is convenient in development and unsafe elsewhere.
func (r *rules) production() {
	if r.cfg.MasterKey.IsZero() {
		r.refuse("master_key", "must be given in production, as AUTHSERVE_MASTER_KEY_FILE or AUTHSERVE_MASTER_KEY: a generated key is for development")
	}
	if r.cfg.Issuer == "" {
		r.refuse("issuer", "must be set in production")
	} else if !isHTTPSOrLoopback(r.cfg.Issuer) {
		r.refuse("issuer", "must be https in production, unless it is a loopback address")
	}
	if base := r.cfg.Links.BaseURL; base != "" && !isHTTPSOrLoopback(base) {
		r.refuse("links.base_url", "must be https in production, unless it is a loopback address")
	}
	for _, origin := range r.cfg.HTTP.CORSOrigins {
		if !isHTTPSOrLoopback(origin) {
			r.refuse("http.cors_origins", "must be https in production, unless it is a loopback address, got %q", origin)
		}
	}
	for _, prefix := range r.cfg.TrustedProxies {
		if prefix.Bits() == 0 {
			r.refuse("trusted_proxies", "must not trust everyone, got %s", prefix)
		}
	}
	if r.cfg.Ops.Pprof && !isLoopbackAddr(r.cfg.Ops.Addr) {
		r.warnings = append(r.warnings, "ops.pprof serves the profiler beyond this machine: ops.addr is "+r.cfg.Ops.Addr)
	}
	if p := r.cfg.Password; p.Algorithm == "argon2id" && !meetsArgon2Minimum(p.Argon2MemoryKiB, p.Argon2Time) {
		r.refuse("password.argon2_memory_kib", "with password.argon2_time (%d KiB, %d passes) is below every minimum of the OWASP Password Storage Cheat Sheet", p.Argon2MemoryKiB, p.Argon2Time)
	}
}

// meetsArgon2Minimum reports whether the cost reaches one of the settings that
// the OWASP Password Storage Cheat Sheet names as equally strong minima.
func meetsArgon2Minimum(memoryKiB, passes int) bool {
	for _, least := range [][2]int{{47104, 1}, {19456, 2}, {12288, 3}, {9216, 4}, {7168, 5}} {
		if memoryKiB >= least[0] && passes >= least[1] {
			return true
		}
	}
	return false
}

func isHTTPSOrLoopback(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "https" || isLoopbackHost(u.Hostname()))
}
