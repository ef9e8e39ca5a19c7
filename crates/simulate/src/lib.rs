//! A deterministic fleet that writes servicing logs with planted failures.
