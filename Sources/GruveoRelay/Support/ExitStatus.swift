import ArgumentParser
import Glibc

/// The exit codes of every command, from sysexits.h.
enum ExitStatus {
    static let badData = ExitCode(EX_DATAERR)
    static let noInput = ExitCode(EX_NOINPUT)
    static let unreachable = ExitCode(EX_UNAVAILABLE)
    static let systemError = ExitCode(EX_OSERR)
    static let cannotCreate = ExitCode(EX_CANTCREAT)
    static let ioError = ExitCode(EX_IOERR)
    static let temporary = ExitCode(EX_TEMPFAIL)
    static let noPermission = ExitCode(EX_NOPERM)
    static let badConfiguration = ExitCode(EX_CONFIG)
}
