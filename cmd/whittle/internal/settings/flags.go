package settings

import (
	"os"
	"slices"

	"github.com/spf13/pflag"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
)

// Flags is the flags of a command that takes settings.
type Flags struct {
	File   string
	values map[string]string // of those that were given
}

// Register puts --config and a flag for each setting on the set, or only for those whose flags are named: the
// others are still read from the file and the environment. No flag has a default of its own:
// what isn't given leaves the word to the environment and the file.
func Register(set *pflag.FlagSet, only ...string) *Flags {
	f := &Flags{values: make(map[string]string)}
	set.StringVar(&f.File, "config", "", "the settings' file (WHITTLE_CONFIG; default: "+StandardFile+", if it is there)")
	for _, s := range Table() {
		if len(only) > 0 && !slices.Contains(only, s.Flag) {
			continue
		}
		flag := set.VarPF(&value{s, f.values}, s.Flag, "", s.Doc+" ("+s.Env+"; default: "+s.Default+")")
		if s.IsBool {
			flag.NoOptDefVal = "true"
		}
	}
	return f
}

// Load reads the file, the environment and these flags. What can't be meant so is the caller's to mend ([exit.Usage]).
func (f *Flags) Load() (*Settings, error) {
	file := f.File
	if file == "" {
		file = os.Getenv("WHITTLE_CONFIG")
	}
	s, err := Load(Source{File: file, Env: os.Environ(), Flags: f.values})
	return s, exit.With(exit.Usage, err)
}

// value is one flag. A list's flag may be repeated.
type value struct {
	setting Setting
	given   map[string]string
}

// Set implements [pflag.Value]. What a flag may hold is said when all sources are read.
func (v *value) Set(text string) error {
	if before, repeated := v.given[v.setting.Flag]; repeated && v.setting.List {
		text = before + "," + text
	}
	v.given[v.setting.Flag] = text
	return nil
}

// String implements [pflag.Value].
func (v *value) String() string {
	if v.given == nil {
		return ""
	}
	return v.given[v.setting.Flag]
}

// Type implements [pflag.Value].
func (v *value) Type() string {
	if v.setting.IsBool {
		return "bool"
	}
	return "value"
}
