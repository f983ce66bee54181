package assay.bench;

import com.fasterxml.jackson.annotation.JsonIgnore;

/** What is published, and in a row besides: event and features. Assay also says why, by which model and under which settings. */
public class Decision {
    public String id;
    public String tenant;
    public String customer;
    public double score;
    public String action;
    public long time;
    public long decidedAt;

    @JsonIgnore public byte[] event = {};
    @JsonIgnore public byte[] features = {};
}
