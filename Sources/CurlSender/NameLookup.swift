internal import Glibc
internal import Relay

/// Tells a name that does not exist from a resolver in trouble; libcurl has one code for both.
enum NameLookup {
    /// Looks the host up on a thread of its own and calls back on that thread.
    static func start(_ host: String, completion: @escaping @Sendable (TransferFailure) -> Void) {
        let thread = startSignalFreeThread(name: "lookup") { completion(failure(host: host, code: lookUp(host))) }
        pthread_detach(thread)
    }

    /// getaddrinfo's code for the host, 0 if it now has an address.
    static func lookUp(_ host: String) -> Int32 {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        // libcurl too encodes international names before it asks.
        hints.ai_flags = encodeInternational
        var addresses: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &addresses)
        if let addresses { freeaddrinfo(addresses) }
        return code
    }

    /// What a code of getaddrinfo(3) means after libcurl could not resolve the host.
    static func failure(host: String, code: Int32) -> TransferFailure {
        switch code {
        case EAI_NONAME, noData: TransferFailure(.unknownHost, "the host \(host) does not exist")
        case 0: TransferFailure(.dns, "the look-up of \(host) failed, but works again")
        default: TransferFailure(.dns, "the look-up of \(host) failed: \(String(cString: gai_strerror(code)))")
        }
    }

    /// EAI_NODATA of netdb.h, a GNU extension: the name exists, but without an address.
    static let noData: Int32 = -5
    /// AI_IDN of netdb.h, a GNU extension.
    private static let encodeInternational: Int32 = 0x40
}
