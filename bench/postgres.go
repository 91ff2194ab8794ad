package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// postgres is a PostgreSQL server of this run's own, with its defaults, synchronous commits among them.
type postgres struct {
	port, pid int
	version   string
	process   *os.Process
}

func (p *postgres) stop() error {
	// A fast shutdown: connections end, and it waits for no client.
	if err := p.process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_, err := p.process.Wait()
	return err
}

func startPostgres(ctx context.Context, folder string) (*postgres, error) {
	programs, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	as, err := notRoot(folder)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(folder, "postgres")
	initialise := exec.CommandContext(ctx, filepath.Join(programs, "initdb"), "-D", data, "-A", "trust", "-U", "postgres")
	initialise.SysProcAttr, initialise.Dir = as, folder
	if out, err := initialise.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	serve := exec.Command(filepath.Join(programs, "postgres"), "-D", data, "-k", data,
		"-c", "listen_addresses=127.0.0.1", "-p", strconv.Itoa(ports[0]), "-c", "log_min_messages=fatal")
	serve.SysProcAttr, serve.Dir = as, folder
	if err := serve.Start(); err != nil {
		return nil, err
	}
	p := &postgres{port: ports[0], pid: serve.Process.Pid, version: said(filepath.Join(programs, "postgres")), process: serve.Process}
	if err := serves(ctx, fmt.Sprintf("127.0.0.1:%d", p.port)); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// postgresPrograms is where initdb and postgres are: in PATH, or where Debian puts them.
func postgresPrograms() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", missingError{"it needs PostgreSQL"}
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// notRoot is how to run PostgreSQL, which root may not: as postgres, whom the folder is given to.
func notRoot(folder string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		return nil, missingError{"PostgreSQL does not run as root, and there is no user postgres"}
	}
	uid, errUID := strconv.Atoi(strings.TrimSpace(who.Uid))
	gid, errGID := strconv.Atoi(strings.TrimSpace(who.Gid))
	err = errors.Join(errUID, errGID, os.Chmod(folder, 0o711), os.Chown(folder, uid, gid))
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, err
}
