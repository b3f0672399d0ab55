internal import Glibc
internal import Relay

/// Holds the addresses that libcurl wants to use against a destination's policy.
struct PeerCheck {
    private let allowPrivate: [AddressBlock]
    /// The text of the peer that was permitted last: a connection in use asks for the same one again and again.
    private var permittedPeer: [CChar] = []
    private var refusal: String?
    /// Whether this request was let through to any address or told of one; until then its name is being looked up.
    private(set) var hasAddress = false
    private var isAnyPermitted = false

    init(allowPrivate: [AddressBlock] = []) { self.allowPrivate = allowPrivate }

    /// Why the request was refused; nil where at least one of its addresses was permitted.
    var denied: String? { isAnyPermitted ? nil : refusal }

    /// Forgets the last request.
    mutating func begin() {
        refusal = nil
        hasAddress = false
        isAnyPermitted = false
    }

    /// Asked for each address of a new connection.
    mutating func mayConnect(to address: [UInt8]) -> Bool {
        hasAddress = true
        guard AddressPolicy.permits(address, allowPrivate: allowPrivate) else {
            refusal = refusal ?? AddressPolicy.refusal(of: address)
            return false
        }
        isAnyPermitted = true
        return true
    }

    /// Asked before each request, with the peer of a connection that may be older than the policy.
    mutating func maySend(to peer: UnsafePointer<CChar>) -> Bool {
        hasAddress = true
        if permittedPeer.withUnsafeBufferPointer({ $0.baseAddress.map { strcmp($0, peer) } }) == 0 {
            isAnyPermitted = true
            return true
        }
        // No verdict of the connect counts here: a connection through a refused peer must not be used.
        isAnyPermitted = false
        let text = String(cString: peer)
        guard let address = AddressText.parse(text) else {
            refusal = "the address of the peer cannot be read"
            return false
        }
        guard mayConnect(to: address) else { return false }
        permittedPeer = Array(text.utf8CString)
        return true
    }
}
