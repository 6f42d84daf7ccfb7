package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"authserve/adapters/outbound/entstore"
)

// Servers are the servers of one test binary.
type Servers struct{ Postgres, MariaDB, MySQL *Server }

// New makes them; none is started yet.
func New() *Servers {
	return &Servers{
		Postgres: &Server{
			name: "PostgreSQL", variable: "TEST_POSTGRES_IMAGE", image: "postgres:17", port: "5432/tcp",
			environ: []string{"POSTGRES_PASSWORD=" + password},
			command: []string{
				"postgres", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=400",
			},
			tmpfs:  "/var/lib/postgresql/data",
			copies: true,
			admits: func(addr string) (*sql.DB, error) {
				config, err := pgx.ParseConfig(postgresURL(addr, ""))
				if err != nil {
					return nil, err
				}
				return sql.OpenDB(stdlib.GetConnector(*config)), nil
			},
			url:    postgresURL,
			create: func(name string) string { return "CREATE DATABASE " + name },
		},
		MariaDB: mysqlServer("MariaDB", "TEST_MARIADB_IMAGE", "mariadb:10.11"),
		MySQL:   mysqlServer("MySQL", "TEST_MYSQL_IMAGE", ""),
	}
}

func mysqlServer(name, variable, image string) *Server {
	return &Server{
		name: name, variable: variable, image: image, port: "3306/tcp",
		environ: []string{"MYSQL_ROOT_PASSWORD=" + password, "MARIADB_ROOT_PASSWORD=" + password},
		command: []string{
			"mysqld", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--skip-log-bin", "--max-connections=500",
			"--character-set-server=utf8mb4", "--collation-server=utf8mb4_bin",
		},
		tmpfs: "/var/lib/mysql",
		admits: func(addr string) (*sql.DB, error) {
			config := mysql.NewConfig()
			config.User, config.Passwd, config.Net, config.Addr = "root", password, "tcp", addr
			config.Logger = &mysql.NopLogger{} // it would tell each try while the server starts
			connector, err := mysql.NewConnector(config)
			if err != nil {
				return nil, err
			}
			return sql.OpenDB(connector), nil
		},
		url: func(addr, database string) string {
			return fmt.Sprintf("mysql://root:%s@%s/%s", password, addr, database)
		},
		create: func(name string) string {
			return "CREATE DATABASE " + name + " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
		},
	}
}

func postgresURL(addr, database string) string {
	if database == "" {
		database = "postgres"
	}
	return fmt.Sprintf("postgres://postgres:%s@%s/%s", password, addr, database)
}

// All lists them.
func (s *Servers) All() []*Server { return []*Server{s.Postgres, s.MariaDB, s.MySQL} }

// Main runs the tests and ends the containers; TestMain is for it.
func (s *Servers) Main(m *testing.M) int {
	code := m.Run()
	for _, server := range s.All() {
		if err := server.close(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", server.name, err)
			code = max(code, 1)
		}
	}
	return code
}

// Migrated makes a database with the schema that lives as long as t, and returns its
// URL. PostgreSQL copies one that was migrated once.
func (s *Server) Migrated(t testing.TB) string {
	t.Helper()
	s.require(t)
	if !s.copies {
		url := s.URL(t)
		if err := migrate(t.Context(), url); err != nil {
			t.Fatal(err)
		}
		return url
	}
	s.template.Do(func() {
		s.templateName = "template_migrated"
		_, err := s.admin.ExecContext(context.Background(), s.create(s.templateName))
		s.templateErr = errors.Join(err, migrate(context.Background(), s.url(s.addr, s.templateName)))
	})
	if s.templateErr != nil {
		t.Fatal(s.templateErr)
	}
	return s.url(s.addr, s.database(t, s.templateName))
}

func migrate(ctx context.Context, url string) error {
	m, err := entstore.NewMigrator(entstore.Config{URL: url})
	if err != nil {
		return err
	}
	_, err = m.Up(ctx)
	return err
}
