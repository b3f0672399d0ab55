import Glibc

/// Lets the process open as many files as its hard limit allows: a shell's soft limit of 1,024 is less than the
/// receiver's connections, the destinations' and the store's files together.
func raiseFileLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    // More would only make the kernel's tables larger.
    let wanted = min(limit.rlim_max, 65_536)
    guard limit.rlim_cur < wanted else { return }
    limit.rlim_cur = wanted
    // Where it is not allowed the receiver pauses accepting at the lower limit.
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}
