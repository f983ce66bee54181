package assay.bench;

/** What the job takes of a transaction. Assay reads and checks every field, and sets aside what does not fit its schema. */
public class Transaction {
    public String id;
    public String tenant;
    public String customer;
    public String instrument;
    public String counterparty = "";
    public String channel = "";
    /** RFC 3339. */
    public String time;
    /** Minor units; the job takes all currencies for one, where Assay converts by the day's rates. */
    public long amount;

    /** Milliseconds since 1970. */
    public long at;
    /** The record as it came, for its row; empty where no rows are written. */
    public byte[] event = {};

    /** Who holds the instrument. */
    public String holder() {
        return customer == null ? instrument : customer;
    }
}
