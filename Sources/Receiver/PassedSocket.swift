import Glibc

/// The listening socket that a service manager has made and passes at the start, by the convention of sd_listen_fds(3).
package struct PassedSocket: Sendable, Equatable {
    package let descriptor: CInt
    /// Where it listens, as numbers.
    package let host: String
    package let port: Int

    /// Why what is passed cannot be used, and what to change.
    package struct Fault: Error, Equatable {
        package let message: String
    }

    /// The first descriptor that is passed: SD_LISTEN_FDS_START.
    static let firstDescriptor: CInt = 3

    /// The one that is passed to this process, nil where none is.
    package static func take(process: Int32, variable: (String) -> String?) throws(Fault) -> PassedSocket? {
        guard let descriptor = try descriptor(passedTo: process, variable: variable) else { return nil }
        return try PassedSocket(descriptor)
    }

    /// Decides from the environment alone. Nil also where the variables are meant for another process.
    static func descriptor(passedTo process: Int32, variable: (String) -> String?) throws(Fault) -> CInt? {
        guard let meant = variable("LISTEN_PID").flatMap({ Int32($0) }), meant == process,
            let text = variable("LISTEN_FDS"), text != "0"
        else { return nil }
        guard text == "1" else {
            throw Fault(
                message: "LISTEN_FDS is \(text), the relay takes one socket: leave one ListenStream= in its socket unit"
            )
        }
        let name = variable("LISTEN_FDNAMES") ?? ""
        guard ["", "public"].contains(name) else {
            throw Fault(
                message: "the passed socket is named \(name): its socket unit must say FileDescriptorName=public")
        }
        return firstDescriptor
    }

    /// Looks at the socket itself.
    init(_ descriptor: CInt) throws(Fault) {
        try PassedSocket.checkKind(of: descriptor)
        // No program that this one may start gets it.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        self.descriptor = descriptor
        (host, port) = try PassedSocket.name(of: descriptor)
    }

    private static func checkKind(of descriptor: CInt) throws(Fault) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw Fault(message: "no socket is passed: descriptor \(descriptor) is not open")
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw Fault(message: "what is passed is no socket: its socket unit must say ListenStream=")
        }
        guard option(SO_TYPE, of: descriptor) == CInt(SOCK_STREAM.rawValue) else {
            throw Fault(message: "the passed socket is no stream socket: its socket unit must say ListenStream=")
        }
        guard option(SO_ACCEPTCONN, of: descriptor) == 1 else {
            throw Fault(message: "the passed socket does not listen: its socket unit must say Accept=no")
        }
        guard [AF_INET, AF_INET6].contains(option(SO_DOMAIN, of: descriptor)) else {
            throw Fault(
                message: "the passed socket is not of IP: its socket unit must say ListenStream=ADDRESS:PORT")
        }
    }

    private static func option(_ name: CInt, of descriptor: CInt) -> CInt? {
        var value: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
    }

    private static func name(of descriptor: CInt) throws(Fault) -> (host: String, port: Int) {
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var port = [CChar](repeating: 0, count: Int(NI_MAXSERV))
        let hasName = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &size) == 0
                    && getnameinfo(
                        $0, size, &host, socklen_t(host.count), &port, socklen_t(port.count),
                        NI_NUMERICHOST | NI_NUMERICSERV) == 0
            }
        }
        guard hasName, let number = Int(text(port)) else { throw Fault(message: "the passed socket has no address") }
        return (text(host), number)
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
