import Relay
import Testing

@testable import CurlSender

@Suite struct ConnectingTests {
    /// The same policy as for a request, and the URL's secret part does not come back in the text.
    @Test func anAddressOutsideThePolicyIsNotConnectedTo() {
        let failure = CurlSender.tryConnection(url: "http://127.0.0.1:9/secret", options: TransferOptions())
        #expect(failure?.kind == .addressDenied)
        #expect(failure?.text.contains("secret") == false)
    }
}
