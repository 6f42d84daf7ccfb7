package entstore

import "context"

// Optimize lets SQLite renew the statistics by which it plans, where tables have
// grown or shrunk tenfold since it last did; mostly that is nothing. It takes the
// writer's turn. Other databases do that by themselves.
//
// 0x10002 is what https://sqlite.org/pragma.html#pragma_optimize advises for a
// connection that does not run the queries itself: all tables are looked at, and
// SQLite bounds how much of each it reads.
func (s *Store) Optimize(ctx context.Context) error {
	if _, ok := s.engine.(sqlite); !ok {
		return nil
	}
	_, err := s.pools.writer.ExecContext(ctx, "PRAGMA optimize=0x10002")
	return s.translate(ctx, err)
}
