//! Windows error codes: any spelling to space, facility, names, meaning and equivalents.
