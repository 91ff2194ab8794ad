package folder

import (
	"context"
	"errors"
	"fmt"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/anchored"
	"github.com/whittle-sts/whittle/store/bolt"
)

// Finding is one thing that is wrong, and in what.
type Finding struct {
	In  string // database, key, anchor or record
	Err error
}

func (f Finding) String() string { return fmt.Sprintf("%s: %v", f.In, f.Err) }

// Check looks at database, anchor and record of a place that nobody serves, and changes nothing. All that
// is wrong is in the findings. The error says why it could not look: it matches [store.ErrLocked] if a
// process has the database open.
func Check(ctx context.Context, p Place) (store.Meta, []Finding, error) {
	return check(ctx, p, p.Database(), true)
}

// CheckBackup is [Check] for a backup, which has no anchor. The key is the place's.
func CheckBackup(ctx context.Context, p Place, file string) (store.Meta, []Finding, error) {
	return check(ctx, p, file, false)
}

func check(ctx context.Context, p Place, path string, anchor bool) (meta store.Meta, findings []Finding, err error) {
	found := func(in string, err error) {
		if err != nil {
			findings = append(findings, Finding{in, err})
		}
	}
	if !exists(path) {
		return meta, nil, fmt.Errorf("there is no %s", path)
	}
	err = bolt.Verify(path, func(err error) { found("database", err) })
	if served(err) {
		return meta, nil, err
	}
	found("database", err)
	r, err := p.read(ctx, path)
	defer r.close()
	if r == nil {
		if err != nil && len(findings) == 0 {
			found("database", err)
		}
		return meta, findings, nil
	}
	found("key", err)
	if meta, err = metaOf(ctx, r.raw); err != nil {
		found("database", err)
		return meta, findings, nil
	}
	if anchor {
		found("anchor", anchored.Check(ctx, p.anchorOf(r.raw)))
	}
	if r.open != nil {
		found("key", opens(ctx, r.open))
		found("record", audit.Check(ctx, r.open))
	}
	return meta, findings, ctx.Err()
}

func metaOf(ctx context.Context, s store.Store) (meta store.Meta, err error) {
	err = s.View(ctx, func(r store.Reader) (err error) {
		meta, err = r.Meta()
		return err
	})
	return meta, err
}

// opens says whether what is sealed opens with the key.
func opens(ctx context.Context, s store.Store) error {
	return s.View(ctx, func(r store.Reader) error {
		_, err := r.Keys()
		problems := []error{err}
		names, err := r.SecretNames()
		problems = append(problems, err)
		for _, name := range names {
			_, err := r.Secret(name)
			problems = append(problems, err)
		}
		return errors.Join(problems...)
	})
}
