package audit

import (
	"fmt"
	"time"
)

// What members are made of. Each function writes its member, if it is to stand in the entry, or reads it, if it is the
// next one, and takes nothing that it wouldn't have written.

// open and close are for the brackets of an object or a list.
func (f *form) open(bracket byte) {
	if f.reading {
		f.expect(bracket)
	} else {
		f.written = append(f.written, bracket)
	}
	f.first = true
}

func (f *form) close(bracket byte) {
	if f.reading {
		f.expect(bracket)
	} else {
		f.written = append(f.written, bracket)
	}
	f.first = false
}

// member begins one: if it is set or, reading, if it comes next, as one that is set must.
func (f *form) member(name string, set bool) bool {
	if f.reading {
		found := f.cutName(name)
		if set && !found {
			f.fail(fmt.Sprintf("member %q is missing or out of place", name))
		}
		return found
	}
	if set {
		f.name(name)
	}
	return set
}

// leaveOut is for what stands in no entry where it is empty.
func (f *form) leaveOut(empty bool) {
	if empty && f.err == nil {
		f.fail("a member is empty")
	}
}

func text[T ~string](f *form, name string, v *T) {
	if f.member(name, true) {
		quoted(f, v)
	}
}

// some is text that is left out if it is empty.
func some[T ~string](f *form, name string, v *T) {
	if f.member(name, *v != "") {
		quoted(f, v)
		f.leaveOut(*v == "")
	}
}

func quoted[T ~string](f *form, v *T) {
	if f.reading {
		*v = T(f.cutText())
	} else {
		f.quote(string(*v))
	}
}

// whole is what numbers are. None is negative.
type whole interface {
	~int | ~uint8 | ~uint32 | ~uint64
}

func number[T whole](f *form, name string, v *T) {
	if f.member(name, true) {
		digits(f, v)
	}
}

// positive is a number that is left out if it is 0.
func positive[T whole](f *form, name string, v *T) {
	if f.member(name, *v != 0) {
		digits(f, v)
		f.leaveOut(*v == 0)
	}
}

func digits[T whole](f *form, v *T) {
	if !f.reading {
		f.digits(uint64(*v))
		return
	}
	n := f.cutNumber()
	if *v = T(n); *v < 0 || uint64(*v) != n {
		f.fail("a number is too large")
	}
}

// yes is left out if it is false.
func yes(f *form, name string, v *bool) {
	if !f.member(name, *v) {
		return
	}
	if *v = true; f.reading {
		f.cut("true")
	} else {
		f.written = append(f.written, "true"...)
	}
}

func instant(f *form, name string, v *time.Time) {
	if f.member(name, true) {
		clock(f, v)
	}
}

func clock(f *form, v *time.Time) {
	if f.reading {
		*v = f.cutTime()
	} else {
		f.time(*v)
	}
}

// sometime is a time that is left out if it is zero.
func sometime(f *form, name string, v *time.Time) {
	if f.member(name, !v.IsZero()) {
		clock(f, v)
		f.leaveOut(v.IsZero())
	}
}

// part is left out if it is nil.
func part[T any](f *form, name string, v **T, members func(*form, *T)) {
	if !f.member(name, *v != nil) {
		return
	}
	if *v == nil {
		*v = new(T)
	}
	f.open('{')
	members(f, *v)
	f.close('}')
}

// texts are left out if it is empty.
func texts(f *form, name string, v *[]string) {
	if f.member(name, len(*v) > 0) {
		elements(f, v, quoted[string])
	}
}

// parts are a list that is left out if it is empty.
func parts[T any](f *form, name string, v *[]T, members func(*form, *T)) {
	if f.member(name, len(*v) > 0) {
		elements(f, v, func(f *form, one *T) {
			f.open('{')
			members(f, one)
			f.close('}')
		})
	}
}

func elements[T any](f *form, v *[]T, one func(*form, *T)) {
	f.open('[')
	if f.reading {
		for f.more() {
			*v = append(*v, *new(T))
			one(f, &(*v)[len(*v)-1])
		}
		f.leaveOut(len(*v) == 0)
	} else {
		for i := range *v {
			f.comma()
			one(f, &(*v)[i])
		}
	}
	f.close(']')
}
